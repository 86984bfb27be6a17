"""A scoring job's log: each chunk is a segment that the recorder sees only once the chunk's scores are in OUT.

The segment is written aside and moved into the logs after the commit. A job that is killed between the two finds the
commit and the segment, and moves it then; killed before the commit, it writes the same chunk again, and the one that
was aside is thrown away. So every row is scored once and recorded once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from shipworthy.errors import InUse
from shipworthy.predictions.log import LOCK, LogWriter

_TRIES, _PAUSE = 50, 0.02  # readers hold a lock for a moment, while they look whether its writer lives


class Staging:
    """Segments of one job, before they are moved into the logs."""

    def __init__(self, logs: Path, job: str) -> None:
        self._logs, self._job = logs, job
        self._aside = logs.parent / "scoring"
        self._folder = self._aside / job

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the job, and its place in the logs, so that recorders leave the folder be. InUse where another does."""
        folder = self._logs / self._job
        lock = _lock(folder)
        try:
            yield
            shutil.rmtree(self._folder, ignore_errors=True)
        finally:
            os.close(lock)
            with suppress(OSError):  # the recorder removes it with the last segment; without any it is ours to remove
                if not any(folder.glob("*.log")):
                    (folder / LOCK).unlink(missing_ok=True)
                    folder.rmdir()

    def writer(self, chunk: int, durability: Literal["process", "disk"]) -> LogWriter:
        """The writer of a chunk's segment; what an earlier try left is gone."""
        shutil.rmtree(self._folder, ignore_errors=True)
        return LogWriter(self._aside, self._job, durability=durability, first_segment=chunk, segment_bytes=2**62)

    def publish(self, done: int) -> None:
        """Move the segment of a chunk that is in OUT into the logs; chunks up to `done` are."""
        for path in self._folder.glob("*.log"):
            if int(path.stem) <= done:
                path.rename(self._logs / self._job / path.name)


def _lock(folder: Path) -> int:
    for _ in range(_TRIES):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # a recorder has just removed the folder
            continue
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _stands(folder / LOCK, lock):
                return lock
        os.close(lock)
        time.sleep(_PAUSE)
    raise InUse(f"{folder.name} is under way in another process; one process at a time may run a job")


def _stands(path: Path, lock: int) -> bool:
    """Whether the file that was locked is still the one at its path."""
    try:
        return path.stat().st_ino == os.fstat(lock).st_ino
    except FileNotFoundError:
        return False
