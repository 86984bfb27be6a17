"""A digest of a table's rows that does not depend on their order, nor on how they are cut into files and chunks.

Every cell is mapped to two 64-bit numbers by its column's name, type and value; a row's numbers are mixed sums over
its columns, and the table's are the sums over its rows modulo 2^64, digested together with schema and row count.

Two tables that differ by accident collide with a probability of about 2^-128. The sum is no defence against somebody
who looks for a collision on purpose: for that, the digests of the files themselves stand beside it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy import digest

Lane = NDArray[np.uint64]

_LANES = (b"lane 0", b"lane 1")
_AT_ONCE = 2**17  # rows: what is worked on stays in the processor's cache
_NAN = np.uint64(0x7FF8000000000000)
_ROW = np.uint64(0x9E3779B97F4A7C15)


def content_digest(table: pa.Table) -> str:
    """64 hexadecimal characters for n rows, whatever their order; NaN equals NaN, null equals null alone."""
    return digests(table)[0]


def digests(table: pa.Table) -> tuple[str, str]:
    """The digest of a table's rows whatever their order, and that of the same rows in their order."""
    kinds = {field.name: _kind(field.type) for field in table.schema}
    sums, ordered, before = [0, 0], [0, 0], 0
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        rows = [np.full(batch.num_rows, _ROW), np.full(batch.num_rows, _ROW)]
        for column, (name, kind) in zip(batch.columns, kinds.items(), strict=True):
            _add(rows, column, f"{name}\0{kind}")
        places = _mixed(np.arange(before, before + batch.num_rows, dtype=np.uint64))
        sums = [_summed(total, lane) for total, lane in zip(sums, rows, strict=True)]
        ordered = [_summed(total, lane ^ places) for total, lane in zip(ordered, rows, strict=True)]
        before += batch.num_rows
    made_of = [sorted(kinds.items()), table.num_rows]
    of_rows, of_sequence = (
        digest.of_value([form, *made_of, *(f"{value:016x}" for value in values)])
        for form, values in (("rows 1", sums), ("sequence 1", ordered))
    )
    return of_rows, of_sequence


def _summed(total: int, lane: Lane) -> int:
    return (total + int(_mixed(lane).sum())) % 2**64


def _add(rows: list[Lane], column: pa.Array[Any], salt: str) -> None:
    """Add one column's cells to the rows' numbers; sums, so that the order of columns does not matter."""
    absent = np.asarray(column.is_null()) if column.null_count else None
    if _is_fixed(column.type):
        bits = _bits(column)
        cells = [_mixed(bits ^ _seed(salt, lane)) for lane in _LANES]
    else:
        cells = _cells_of_words(column, salt)
    for row, cell, lane in zip(rows, cells, _LANES, strict=True):
        if absent is not None:
            cell[absent] = _seed(f"{salt}\0null", lane)
        np.add(row, cell, out=row)


def _mixed(values: Lane) -> Lane:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit numbers that spreads every bit."""
    with np.errstate(over="ignore"):
        mixed = values ^ (values >> np.uint64(30))
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _is_fixed(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
        or pa.types.is_duration(kind)
    )


def _bits(column: pa.Array[Any]) -> Lane:
    """The values of a column of fixed width as 64-bit patterns; those of nulls are of no meaning."""
    kind = column.type
    if pa.types.is_floating(kind):
        numbers = np.asarray(column.cast(pa.float64()).fill_null(0.0))
        return np.where(np.isnan(numbers), _NAN, np.ascontiguousarray(numbers).view(np.uint64))
    if pa.types.is_uint64(kind):
        return np.array(column.fill_null(0), dtype=np.uint64)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return np.asarray(column.cast(pa.int64()).fill_null(0)).view(np.uint64)
    narrow = pa.types.is_date32(kind) or pa.types.is_time32(kind)
    whole = column.cast(pa.int32()).cast(pa.int64()) if narrow else column.cast(pa.int64())
    return np.asarray(whole.fill_null(0)).view(np.uint64)


def _cells_of_words(column: pa.Array[Any], salt: str) -> list[Lane]:
    """Text, bytes and anything nested: each distinct value is digested once."""
    encoded = _encoded(column)
    words = np.array([_word(value, salt) for value in encoded.dictionary.to_pylist()] or [(0, 0)], dtype=np.uint64)
    codes = np.asarray(encoded.indices.fill_null(0))
    return [words[codes, 0], words[codes, 1]]


def _encoded(column: pa.Array[Any]) -> Any:
    if pa.types.is_dictionary(column.type):
        return column
    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        column = pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.string())
    return pc.dictionary_encode(column)


def _word(value: Any, salt: str) -> tuple[int, int]:
    content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    hashed = hashlib.blake2b(content, digest_size=16, key=hashlib.sha256(salt.encode()).digest()).digest()
    return int.from_bytes(hashed[:8], "little"), int.from_bytes(hashed[8:], "little")


def _seed(salt: str, lane: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(salt.encode(), digest_size=8, key=lane).digest(), "little"))


def _kind(kind: pa.DataType) -> str:
    """A type's name, the same for all ways in which Arrow lays the same values out."""
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return "binary"
    return str(kind)
