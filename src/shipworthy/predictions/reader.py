"""Reading logs: which segments there are, whether more will come, and their records."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import NotFound, Tampered
from shipworthy.models.records import Columns
from shipworthy.predictions.format import (
    HEAD,
    MAGIC,
    PREAMBLE,
    READABLE,
    Header,
    Payload,
    head_checksum,
    preamble,
)
from shipworthy.predictions.ids import PredictionId
from shipworthy.predictions.log import LOCK, REHEARSAL
from shipworthy.predictions.payloads import columns as payload_columns

# Bytes of an unsigned integer in MessagePack by its first one; smaller ones are that byte.
_WIDTHS = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9}
_PART = 2**20  # bytes that are read at once
_BEGINNING = 20  # bytes of a payload that hold its first two integers
_decode_payload = msgspec.msgpack.Decoder(Payload).decode
_decode_header = msgspec.json.Decoder(Header).decode


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a source."""

    source: str
    number: int
    path: Path
    finished: bool  # no more records will come


class Record(msgspec.Struct, frozen=True, gc=False):
    """Rows that one model call answered, as they were logged.

    What a column's bytes mean is worked out when it is asked for: thirty arrays a record cost more than all else that a
    recorder does with it. `frames.frame` joins the bytes of many records and makes one array a column of them.
    """

    start: int  # offset in the segment, bytes
    end: int  # where the next record stands
    header: Header
    payload: Payload

    @property
    def arrived(self) -> int:
        """Ns since 1970, UTC."""
        return self.payload.arrived

    @property
    def rows(self) -> int:
        """How many; may be 0: only refusals."""
        return self.payload.rows

    @property
    def ids(self) -> list[str | None] | None:
        """The callers' own; None where nobody sent one."""
        return self.payload.ids

    @property
    def columns(self) -> Columns:
        """One (rows,) array a feature, in the order of the header's features."""
        return payload_columns(self.header, [self.payload] if self.rows else [])

    @property
    def values(self) -> NDArray[np.float64]:
        """(rows, k): the answers."""
        width = -1 if self.rows else len(self.header.classes) or 1
        return np.frombuffer(self.payload.values, "<f8").reshape(self.rows, width)

    @property
    def flags(self) -> tuple[tuple[int, str], ...]:
        """(row, feature) of violations that were let through."""
        return tuple((row, self.header.features[feature].name) for row, feature in self.payload.flags)

    @property
    def refused(self) -> dict[str, int]:
        """Feature -> rows refused for it."""
        return {self.header.features[feature].name: rows for feature, rows in self.payload.refused.items()}


def segments(logs: Path) -> list[Segment]:
    """All segments of all sources, by source and number, rehearsals left out. Safe while they are written."""
    if not logs.is_dir():
        return []
    found: list[Segment] = []
    for folder in sorted(logs.iterdir()):
        if folder.name.startswith(REHEARSAL) or not folder.is_dir():
            continue
        alive = writer_lives(folder)  # before listing: what a dead writer left is then seen whole
        paths = sorted(folder.glob("*.log"))
        alive = alive or (bool(paths) and writer_lives(folder))  # it may have begun since the first look
        found += [Segment(folder.name, int(path.stem), path, not alive or path is not paths[-1]) for path in paths]
    return found


def writer_lives(folder: Path) -> bool:
    """Whether a source's writer still runs."""
    try:
        lock = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def remove(segment: Segment) -> None:
    """Delete a finished segment once it is recorded, and its folder when that was the last of a dead source."""
    segment.path.unlink(missing_ok=True)
    folder = segment.path.parent
    if not writer_lives(folder) and not any(folder.glob("*.log")):
        (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()


def header(path: Path) -> Header | None:
    """A segment's header; None where the writer had not finished it. Tampered if its bytes were changed."""
    with path.open("rb") as file:
        return _header(path, file)


def read(path: Path, start: int = 0) -> Iterator[Record]:
    """Records from `start` (a record's `start` or `end`; 0 for the first) to the end, or to a torn tail.

    Call again with the last record's `end` for what came since. Tampered where bytes differ from what was written.
    """
    with path.open("rb", buffering=2**20) as file:
        head = _header(path, file)
        if head is None:
            return
        at = max(start, file.tell())
        file.seek(at)
        left, wanted = b"", _PART
        while part := file.read(wanted):
            held, used = left + part, 0
            for record in _whole(path, head, held, at):
                yield record
                used = record.end - at
            left, at = held[used:], at + used
            wanted = max(_PART, _missing(path, left, at, file))


class Skimmed(NamedTuple):
    """What a stretch of a segment holds."""

    rows: int
    bytes: int


def skim(path: Path, start: int = 0, limit: int | None = None) -> Skimmed:
    """Rows from `start` to the end, or until `limit` bytes are passed: only the beginning of each record is read.

    What stands there is not checked against its checksum.
    """
    with path.open("rb", buffering=2**16) as file:
        if _header(path, file) is None:
            return Skimmed(0, 0)
        begin = max(start, file.tell())
        at, rows, size = begin, 0, path.stat().st_size
        while at + HEAD.size < size and (limit is None or at - begin < limit):
            file.seek(at)
            head = file.read(HEAD.size + _BEGINNING)
            end = at + HEAD.size + HEAD.unpack_from(head)[0]
            if end > size or len(head) < HEAD.size + _BEGINNING or end == at + HEAD.size:
                break
            rows += _rows(head[HEAD.size :])
            at = end
    return Skimmed(rows, at - begin)


def _rows(payload: bytes) -> int:
    """The second element of the array that a payload is (MessagePack)."""
    unpacker = payload[1:]  # after the array's own byte
    width = _WIDTHS.get(unpacker[0], 1)
    unpacker = unpacker[width:]
    width = _WIDTHS.get(unpacker[0], 1)
    return unpacker[0] if width == 1 else int.from_bytes(unpacker[1:width], "big")


def find(logs: Path, id_: PredictionId) -> tuple[Header, Record]:
    """The record that holds a prediction. NotFound if its segment is gone (it was recorded) or has no such row."""
    path = logs / id_.source / f"{id_.segment:08d}.log"
    if not path.is_file():
        raise NotFound(f"prediction {id_} is not in the logs (any more)")
    head = header(path)
    record = next(read(path, id_.offset), None)
    if head is None or head.release != id_.release or record is None or id_.row >= record.rows:
        raise NotFound(f"prediction {id_} was never made: its log has no such row")
    return head, record


def _header(path: Path, file: BinaryIO) -> Header | None:
    """The header; the file then stands at the first record."""
    start = file.read(PREAMBLE.size)
    if len(start) < PREAMBLE.size:
        if not any(preamble(0, 0, version).startswith(start[:6]) for version in READABLE):
            raise Tampered(f"{path} is not a prediction log")
        return None
    magic, version, length, start_sum, checksum = PREAMBLE.unpack(start)
    if magic != MAGIC:
        raise Tampered(f"{path} is not a prediction log")
    if version not in READABLE:
        raise Tampered(f"{path} has log format {version}; this shipworthy reads {' and '.join(map(str, READABLE))}")
    if zlib.crc32(start[:10]) != start_sum:
        raise Tampered(f"{path}: the header was changed after it was written")
    body = file.read(length)
    if len(body) < length:
        return None
    if zlib.crc32(body) != checksum:
        raise Tampered(f"{path}: the header was changed after it was written")
    return _decode_header(body)


def _whole(path: Path, head: Header, held: bytes, at: int) -> Iterator[Record]:
    """Records of which all bytes are held, the first of them standing at `at`; none from one that is no record on."""
    view, begin, size = memoryview(held), 0, len(held)
    while begin + HEAD.size <= size:
        length, head_sum, payload_sum = HEAD.unpack_from(held, begin)
        offset, end = at + begin, begin + HEAD.size + length
        if end > size or head_checksum(length, offset) != head_sum:
            return
        payload = view[begin + HEAD.size : end]
        if zlib.crc32(payload) != payload_sum:
            raise Tampered(f"{path}: the record at byte {offset} was changed after it was written")
        yield Record(offset, at + end, head, _decode_payload(payload))
        begin = end


def _missing(path: Path, left: bytes, at: int, file: BinaryIO) -> int:
    """How many bytes the record wants that the bytes left begin with. Tampered where they begin none.

    Zeros to the file's end are no record and no harm: the file grew before a power loss, and its bytes never came.
    """
    if len(left) < HEAD.size:
        return 0
    length, head_sum, _ = HEAD.unpack_from(left)
    if head_checksum(length, at) == head_sum:
        return int(HEAD.size + length) - len(left)
    if any(left) or any(file.read()):
        raise Tampered(f"{path}: what stands at byte {at} is no record as it was written")
    return 0
