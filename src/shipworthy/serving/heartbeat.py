"""How a supervisor sees that a worker's loop still turns: the time of its last turn, in a file mapped into memory.

A loop that does not turn answers nobody, whatever keeps it from it, so nobody has to know whether a request waits. It
cannot tell a model call that takes very long from one that never ends: the longest that is borne stands in `Limits`.
"""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

SUFFIX = ".beat"
_TIME = struct.Struct("<d")  # seconds of the machine's monotonic clock, the same for all its processes; 0: none yet


class Heartbeat:
    """The worker's side."""

    def __init__(self, folder: Path, worker: str) -> None:
        path = folder / f"{worker}{SUFFIX}"
        path.write_bytes(bytes(_TIME.size))
        with path.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), _TIME.size)

    def beat(self) -> None:
        """The loop turned."""
        _TIME.pack_into(self._mapped, 0, time.monotonic())


def forget(folder: Path, worker: str) -> None:
    """A new process is about to have this name."""
    (folder / f"{worker}{SUFFIX}").unlink(missing_ok=True)


def silent(folder: Path, worker: str) -> float:
    """Seconds since the loop turned last; 0 where it has not begun to turn."""
    try:
        content = (folder / f"{worker}{SUFFIX}").read_bytes()
    except FileNotFoundError:
        return 0.0
    last = _TIME.unpack(content)[0] if len(content) == _TIME.size else 0.0
    return time.monotonic() - last if last else 0.0
