"""What went wrong in the user's code, told by the lines of their own files."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

MOST_FRAMES = 6

Frame = list[Any]  # file below the project, line, function, the line's text


def told(error: BaseException, project: Path) -> dict[str, Any]:
    """The error's own words, and its frames as far as they lie in the project."""
    return {
        "error": "".join(traceback.format_exception_only(error)).strip(),
        "frames": own_frames(error.__traceback__, project),
    }


def own_frames(where: TracebackType | FrameType | None, project: Path) -> list[Frame]:
    """The frames in the project's own files, the innermost last and no more than MOST_FRAMES."""
    root = project.resolve()
    walk = traceback.walk_stack(where) if isinstance(where, FrameType) else traceback.walk_tb(where)
    own = [(frame, line) for frame, line in walk if _inside(frame.f_code.co_filename, root)]
    if isinstance(where, FrameType):
        own.reverse()  # a stack is walked from the innermost out
    return [
        [str(Path(frame.filename).resolve().relative_to(root)), frame.lineno or 0, frame.name, frame.line or ""]
        for frame in traceback.StackSummary.extract(iter(own[-MOST_FRAMES:]))
    ]


def _inside(file: str, root: Path) -> bool:
    """Names that are no path, such as <string>, and those that Cython gives are relative."""
    return Path(file).is_absolute() and Path(file).resolve().is_relative_to(root)
