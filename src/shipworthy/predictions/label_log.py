"""Labels as callers send them to a server: files a worker, a line a label, written before the caller is answered.

Beside the logs of predictions, `<logs>-labels/<source>.<number>.jsonl`. A source is one start of one process, so nobody
else writes into its files; it holds a lock on the one that it writes, and a file whose lock is free will get no more
lines. A line that has no end yet is not read. Finished files are joined by `label_files`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy import clock

Value = str | int | float | bool
FILE_BYTES = 16 * 2**20  # of one file; then the next one is begun, so that this one can be joined with others
FILE_AGE = clock.DAY  # that a file is written to, for the same reason


class Label(msgspec.Struct, frozen=True):
    """What turned out to be true of one prediction."""

    key: str  # the prediction's id, or the caller's own
    value: Value
    known: int  # when it became known, ns since 1970, UTC
    taken: int = 0  # when it came here, the same; 0: not written down by the server of those days

    @property
    def rank(self) -> tuple[int, int, str]:
        """Of several labels with one key that with the largest is the truth, in whatever order they are read."""
        return self.known, self.taken, repr(self.value)


def folder_of(logs: Path) -> Path:
    """Where the labels lie that belong to the logs of a model."""
    return logs.with_name(f"{logs.name}-labels")


class LabelLog:
    """Appends the labels that one process was sent. The first file is made with the first one."""

    def __init__(self, logs: Path, source: str, *, disk: bool, file_bytes: int = FILE_BYTES) -> None:
        """disk: whether labels have to survive a power loss, too."""
        self._folder, self._source, self.disk = folder_of(logs), source, disk
        self._file: int | None = None
        self._number, self._limit = 0, file_bytes
        self._written, self._begun = 0, 0  # of the file: bytes, ns since 1970
        self._torn = False

    def append(self, labels: Sequence[Label]) -> None:
        """Write labels; they survive this process once this returns. OSError: none of them may count as written."""
        file = self._opened()
        content = b"".join(msgspec.json.encode(label) + b"\n" for label in labels)
        if self._torn:  # end what a full disk broke off: it is read as no label
            content = b"\n" + content
        self._torn = True
        if os.write(file, content) != len(content):
            raise OSError("the disk took a part of the labels only")
        self._torn = False
        self._written += len(content)
        if self.disk:
            os.fsync(file)

    def close(self) -> None:
        """No more labels."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is not None and (self._written >= self._limit or clock.now() - self._begun > FILE_AGE):
            self.close()
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file, self._written, self._begun, self._torn = self._begin(), 0, clock.now(), False
        return self._file

    def _begin(self) -> int:
        """A file of our own, with its lock. One that was tidied away between the two is given up for the next."""
        while True:
            path = self._folder / f"{self._source}.{self._number}.jsonl"
            self._number += 1
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            fcntl.flock(file, fcntl.LOCK_EX)  # it is empty, and whoever looks at an empty file lets go at once
            if os.fstat(file).st_nlink:
                if self.disk:
                    sync_folder(self._folder)
                return file
            os.close(file)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power loss."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
