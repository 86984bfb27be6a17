"""The log that a worker writes before it answers: one system call a model call.

`<logs>/<source>/<segment:08d>.log`, beside a `lock` that the writer holds as long as it lives. A source is one start of
one process, so its offsets are never used twice, and a source whose lock is free will get no more records.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.errors import InUse, WrongUse
from shipworthy.models.records import SideBySide
from shipworthy.predictions import ids
from shipworthy.predictions.format import HEAD, Header, Payload, encode_header, head_checksum, logged

LOCK = "lock"
REHEARSAL = "rehearsal-"  # what sources of rehearsals begin with; nobody records them
SEGMENT_BYTES = 64 * 2**20
PROBES, PROBE_BYTES = 16, 4096  # what has to find room before a log counts as writable again
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_encode = msgspec.msgpack.Encoder().encode

Column = NDArray[np.generic] | Sequence[str | None]  # categories may come as they are


def source_name(name: str, started: int | None = None) -> str:
    """A source's name that no other start has: "w0" -> "w0-dk2m9x1c…"."""
    left, text = started if started is not None else clock.now(), ""
    while left:
        left, digit = divmod(left, 36)
        text = _DIGITS[digit] + text
    return f"{name}-{text or '0'}"


class LogWriter:
    """Appends to one source's segments. One thread at a time.

    Errors of the disk (OSError) reach the caller; what was appended before them stays good, and the next append tries
    again.
    """

    def __init__(
        self,
        logs: Path,
        source: str,
        *,
        durability: Literal["process", "disk"] = "process",
        segment_bytes: int = SEGMENT_BYTES,
        first_segment: int = 0,
    ) -> None:
        if ids.SOURCE.fullmatch(source) is None:
            raise WrongUse(f"source {source!r}: expected small letters, digits and single dashes between them")
        self.source = source
        self.folder = logs / source
        self.segment = first_segment - 1
        self.offset = 0  # where the next record will stand
        self.prefix = ""  # ids.prefix of the open segment
        self.durability = durability  # may change between appends
        self._limit = segment_bytes
        self._file = -1
        self._header: Header | None = None
        self._lock = _hold(self.folder)
        self._torn = False

    def open(
        self,
        model: str,
        release: int,
        features: tuple[Feature, ...],
        classes: tuple[str | int | float | bool, ...],
        event_time: str | None = None,
    ) -> None:
        """Begin a new segment for a release. At the start, and at each swap."""
        self._begin(Header(model, release, self.source, 0, 0, logged(features), classes, event_time))

    def append(
        self,
        arrived: int,
        rows: int,
        columns: Sequence[Column],
        values: NDArray[np.float64],
        caller_ids: list[str | None] | None = None,
        flags: Sequence[tuple[int, int]] = (),
        refused: Mapping[int, int] | None = None,
        took: bytes = b"",
    ) -> int:
        """Write one record (see `format.Payload`); returns its offset, in the segment that `prefix` names then.

        It survives this process once this returns, and a power loss with durability "disk".
        """
        apart, numbers = _packed(columns)
        refusals = dict(refused) if refused else {}
        answers = values.tobytes()
        payload = _encode(Payload(arrived, rows, apart, answers, caller_ids, list(flags), refusals, numbers, took))
        if self.offset >= self._limit or self._torn:
            self._roll()
        offset = self.offset
        head = HEAD.pack(len(payload), head_checksum(len(payload), offset), zlib.crc32(payload))
        self._write(head + payload)
        return offset

    def trouble(self) -> str:
        """Why nothing could be appended now, found out beside the segments; "" where it could."""
        probe = self.folder / "probe"
        try:
            with probe.open("wb", buffering=0) as file:
                for _ in range(PROBES):
                    file.write(bytes(PROBE_BYTES))
                os.fsync(file.fileno())
        except OSError as error:
            return f"the prediction log cannot be written: {error.strerror or error}"
        finally:
            probe.unlink(missing_ok=True)
        return ""

    def close(self) -> None:
        """No more records: readers see every segment as finished."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _write(self, content: bytes) -> None:
        written = 0
        try:
            while written < len(content):
                written += os.write(self._file, content[written:] if written else content)
        except OSError:
            self._undo()
            raise
        if self.durability == "disk":
            self._torn = True  # should the next line fail: the record may have been read, its place is not used again
            os.fdatasync(self._file)
            self._torn = False
        self.offset += written

    def _undo(self) -> None:
        """Take back half a record; where even that fails, the rest of the segment is given up as torn."""
        try:
            os.ftruncate(self._file, self.offset)
        except OSError:
            self._torn = True

    def _roll(self) -> None:
        if self._header is None:
            raise WrongUse(f"log of {self.source}: open() a release before appending")
        self._begin(self._header)

    def _begin(self, header: Header) -> None:
        number = self.segment + 1
        header = msgspec.structs.replace(header, segment=number, started=clock.now())
        content = encode_header(header)
        path = self.folder / f"{number:08d}.log"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            if os.write(file, content) != len(content):
                raise OSError(f"{path}: the disk took only a part of the header")
            if self.durability == "disk":
                os.fdatasync(file)
                _sync_folder(self.folder)
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._header, self._torn = file, header, False
        self.segment, self.offset = number, len(content)
        self.prefix = ids.prefix(header.release, self.source, number)


def _packed(columns: Sequence[Column]) -> tuple[list[bytes | list[str | None]], bytes]:
    """What stands apart, a feature each, and the numbers that stand together."""
    if not isinstance(columns, SideBySide):
        return [_bytes(column) for column in columns], b""
    apart = columns.apart
    return [_bytes(apart[feature]) for feature in sorted(apart)], columns.numbers.tobytes()


def _bytes(column: Column) -> bytes | list[str | None]:
    if isinstance(column, np.ndarray) and column.dtype != object:
        return column.tobytes()
    return list(column)


def _hold(folder: Path) -> int:
    """Take a source's folder for this process's life. The lock comes before the first segment: readers rely on it."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise InUse(f"{folder} belongs to an earlier start; each start of a writer takes a new source name") from error
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)  # the folder is new, so this waits at most for a reader that is having a look
    os.write(lock, b"%d\n" % os.getpid())
    return lock


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
