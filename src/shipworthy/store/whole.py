"""Small files that others read while they are replaced: whole, or as they were before."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file, or make it, at once. Its folder has to be there."""
    growing = path.with_name(f".{path.name}.{os.getpid()}")
    growing.write_bytes(content)
    growing.replace(path)
