"""What went wrong in the user's code, told by the lines of their own files."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

MOST_FRAMES = 6


def told(error: BaseException, project: Path) -> dict[str, Any]:
    """The error's own words, and its frames as far as they lie in the project (file, line, function, text)."""
    frames = traceback.extract_tb(error.__traceback__)
    root = str(project.resolve())
    own = [frame for frame in frames if str(Path(frame.filename).resolve()).startswith(root)]
    return {
        "error": "".join(traceback.format_exception_only(error)).strip(),
        "frames": [
            [str(Path(frame.filename).resolve().relative_to(root)), frame.lineno or 0, frame.name, frame.line or ""]
            for frame in own[-MOST_FRAMES:]
        ],
    }
