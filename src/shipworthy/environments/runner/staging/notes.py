"""What a training asked of the machine, and which line of the project's own did."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import FrameType

from shipworthy.environments.runner import blame

MOST = 40  # notes of one process


class Notes:
    """Written down as they are made, since a process may be killed and may have children that write there too."""

    def __init__(self, path: Path, project: Path) -> None:
        self._path = path
        self._project = project
        self._below = tuple({f"{project}/", f"{project.resolve()}/"})
        self._seen: set[tuple[str, str, str, int]] = set()
        self._busy = False

    def take(self, kind: str, call: str) -> bool:
        """Note a call that a line of the project's led to; whether that line made the call itself."""
        if self._busy:
            return False
        frame = _caller(sys._getframe(1))  # noqa: SLF001 - the frames are what is asked for
        if frame is None:
            return False
        direct = self._own(frame)
        own = frame if direct else self._innermost(frame)
        if own is None:
            return False
        key = (kind, call, own.f_code.co_filename, own.f_lineno)
        if key not in self._seen and len(self._seen) < MOST:
            self._seen.add(key)
            self._write(kind, call, own, direct)
        return direct

    def _write(self, kind: str, call: str, own: FrameType, direct: bool) -> None:
        self._busy = True
        try:
            frames = blame.own_frames(own, self._project)
            told = {"kind": kind, "call": call, "direct": direct, "frame": frames[-1]}
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(told) + "\n")
        finally:
            self._busy = False

    def _innermost(self, frame: FrameType | None) -> FrameType | None:
        while frame is not None and not self._own(frame):
            frame = frame.f_back
        return frame

    def _own(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename.startswith(self._below)


def _caller(frame: FrameType | None) -> FrameType | None:
    """The first frame that is none of this package."""
    here = __package__
    while frame is not None and frame.f_globals.get("__package__") == here:
        frame = frame.f_back
    return frame
