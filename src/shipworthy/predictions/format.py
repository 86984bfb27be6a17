"""The bytes of a log segment.

    segment  = magic (4) | version u16 | header length u32 | crc32 u32 of these three | crc32 u32 of the header
               | header (JSON) | record …
    record   = payload length u32 | crc32 u32 of length and offset | crc32 u32 of the payload | payload (msgpack)

Integers are little-endian. The record's own head has a checksum, so that a changed length is told from a record that
was being written when its process died: only the latter is a torn tail, and reads as the end.

A record holds all rows that were answered by one model call. Their numbers are one array, as the model was given them,
and what is no double stands column by column: either costs a copy, on the way in and on the way out.

Version 1 had no such array, all its columns stand apart.
"""

from __future__ import annotations

import struct
import zlib

import msgspec
import numpy as np

from shipworthy.contract.records import Feature, FeatureType

MAGIC = b"SWLG"
VERSION = 2
READABLE = (1, 2)
HEAD = struct.Struct("<III")  # of a record
PREAMBLE = struct.Struct("<4sHIII")  # of a segment


class LoggedFeature(msgspec.Struct, frozen=True):
    """As much of a feature as its column's bytes need."""

    name: str
    type: FeatureType
    nullable: bool


class Header(msgspec.Struct, frozen=True):
    """Who wrote a segment, and what its records hold."""

    model: str
    release: int  # 0 in a rehearsal
    source: str
    segment: int
    started: int  # ns since 1970, UTC
    features: tuple[LoggedFeature, ...]
    classes: tuple[str | int | float | bool, ...]  # () for regression
    event_time: str | None  # the timestamp feature that holds it; None = arrival


class Payload(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record: rows answered by one model call, or none and only refusals."""

    arrived: int  # ns since 1970, UTC
    rows: int
    columns: list[bytes | list[str | None]]  # a feature each, those among `numbers` left out; categories as text
    values: bytes  # float64 (rows, k): the answers
    ids: list[str | None] | None  # the callers' own; None where nobody sent one
    flags: list[tuple[int, int]]  # (row, feature's index) of violations that were let through
    refused: dict[int, int]  # feature's index -> rows refused for it
    numbers: bytes = b""  # float64 (rows, k): features that are float, integer or boolean; or nothing
    took: bytes = b""  # int64: ns that requests took which have ended by now; of services alone, workers count theirs


def logged(features: tuple[Feature, ...]) -> tuple[LoggedFeature, ...]:
    """What the header keeps of a contract's features."""
    return tuple(LoggedFeature(feature.name, feature.type, feature.nullable) for feature in features)


def dtype(feature: LoggedFeature | Feature) -> np.dtype[np.generic]:
    """NumPy type of a feature's column, as `models.records.Columns` has it."""
    if feature.type == "category":
        return np.dtype(object)
    if feature.type == "timestamp":
        return np.dtype("<i8")
    if feature.type == "float" or feature.nullable:
        return np.dtype("<f8")
    return np.dtype("<i8") if feature.type == "integer" else np.dtype(bool)


def apart(feature: LoggedFeature | Feature) -> bool:
    """Whether a feature keeps a column of its own beside the array of numbers: doubles do not hold it as it is."""
    return dtype(feature) != np.float64


def head_checksum(length: int, offset: int) -> int:
    """Checksum of a record's head. It takes in the offset, so that a record at another place is not one."""
    return zlib.crc32(b"%d@%d" % (length, offset))


def preamble(length: int, checksum: int, version: int = VERSION) -> bytes:
    """The bytes before a header of so many bytes and that checksum."""
    sums = zlib.crc32(struct.pack("<4sHI", MAGIC, version, length))
    return PREAMBLE.pack(MAGIC, version, length, sums, checksum)


def encode_header(header: Header) -> bytes:
    """The first bytes of a segment."""
    body = msgspec.json.encode(header)
    return preamble(len(body), zlib.crc32(body)) + body
