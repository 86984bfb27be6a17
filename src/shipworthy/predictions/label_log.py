"""Labels as callers send them to a server: a file a worker, a line a label, written before the caller is answered.

Beside the logs of predictions, `<logs>-labels/<source>.jsonl`. A source is one start of one process, so nobody else
writes into its file, and a line that has no end yet is not read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy.predictions.log import REHEARSAL

Value = str | int | float | bool


class Label(msgspec.Struct, frozen=True):
    """What turned out to be true of one prediction."""

    key: str  # the prediction's id, or the caller's own
    value: Value
    known: int  # when it became known, ns since 1970, UTC


def folder_of(logs: Path) -> Path:
    """Where the labels lie that belong to the logs of a model."""
    return logs.with_name(f"{logs.name}-labels")


class LabelLog:
    """Appends the labels that one process was sent. The file is made with the first one."""

    def __init__(self, logs: Path, source: str, *, disk: bool) -> None:
        """disk: whether labels have to survive a power loss, too."""
        self._path, self.disk = folder_of(logs) / f"{source}.jsonl", disk
        self._file: int | None = None
        self._torn = False

    def append(self, labels: Sequence[Label]) -> None:
        """Write labels; they survive this process once this returns. OSError: none of them may count as written."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        content = b"".join(msgspec.json.encode(label) + b"\n" for label in labels)
        if self._torn:  # end what a full disk broke off: it is read as no label
            content = b"\n" + content
        self._torn = True
        if os.write(self._file, content) != len(content):
            raise OSError("the disk took a part of the labels only")
        self._torn = False
        if self.disk:
            os.fsync(self._file)


class LabelReader:
    """Reads what is new in the labels of a model."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}  # file -> bytes that were read

    @property
    def bytes(self) -> int:
        """That were read so far."""
        return sum(self._read.values())

    def fresh(self) -> list[Label]:
        """Labels since the last call, file by file in the order of their writing."""
        found: list[Label] = []
        for path in sorted(self._folder.glob("*.jsonl")):
            if path.name.startswith(REHEARSAL):
                continue
            begin = self._read.get(path.name, 0)
            if path.stat().st_size <= begin:
                continue
            with path.open("rb") as stream:
                stream.seek(begin)
                content = stream.read()
            whole = content[: content.rfind(b"\n") + 1]
            found += [label for line in whole.splitlines() if (label := _label(line)) is not None]
            self._read[path.name] = begin + len(whole)
        return found


def _label(line: bytes) -> Label | None:
    try:
        return msgspec.json.decode(line, type=Label)
    except msgspec.DecodeError:  # broken off by a full disk: its caller was told so
        return None
