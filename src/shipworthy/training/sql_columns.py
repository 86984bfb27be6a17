"""The values that a database's driver hands over, as columns of Arrow, chunk by chunk. Pure.

A column's type is that of its values, whatever part of them comes first: whole numbers and decimals together are
decimals, dates and instants together instants. What has no common type, or would lose something in it, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa

from shipworthy.errors import WrongUse

_INT64 = 2**63

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (  # the first that fits: True is an int, a datetime a date
    (type(None), "null"),
    (bool, "true and false"),
    (int, "whole numbers"),
    (float, "floats"),
    (Decimal, "decimals"),
    ((str, UUID), "text"),
    ((bytes, bytearray, memoryview), "bytes"),
    (datetime, "instants"),
    (date, "dates"),
    (time, "times of day"),
    (timedelta, "lengths of time"),
    ((dict, list, tuple), "JSON"),
)
_PLAIN: dict[str, pa.DataType] = {
    "null": pa.null(),
    "true and false": pa.bool_(),
    "whole numbers": pa.int64(),
    "floats": pa.float64(),
    "text": pa.string(),
    "bytes": pa.binary(),
    "dates": pa.date32(),
    "times of day": pa.time64("us"),
    "lengths of time": pa.duration("us"),
    "JSON": pa.string(),
    "instants": pa.timestamp("us"),
    "instants with a time zone": pa.timestamp("us", tz="UTC"),
}
# What several kinds are together; the most general last.
_TOGETHER: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"whole numbers", "decimals"}), "decimals"),
    (frozenset({"whole numbers", "decimals", "floats"}), "floats"),
    (frozenset({"dates", "instants"}), "instants"),
)


class Columns:
    """Grows by chunks of rows; a table in the end."""

    def __init__(self, names: Sequence[str], declared: Mapping[str, pa.DataType], source: str) -> None:
        self._columns = [_Column(name, declared.get(name), source) for name in names]

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Further rows, one value a column. WrongUse."""
        for column, values in zip(self._columns, zip(*rows, strict=True), strict=False):
            column.add(values)

    def table(self) -> pa.Table:
        """All of them. WrongUse where a column's values have no type in common."""
        found: Any = {column.name: column.whole() for column in self._columns}
        return pa.table(found)


class _Column:
    def __init__(self, name: str, declared: pa.DataType | None, source: str) -> None:
        self.name = name
        self._declared = declared
        self._source = source
        self._kinds: set[str] = set()
        self._chunks: list[pa.Array[Any]] = []

    def add(self, values: Sequence[Any]) -> None:
        kinds = {self._kind(kind, values) for kind in set(map(type, values))} - {"null"}
        if "instants" in kinds:
            kinds = kinds - {"instants"} | _zones(values)
        self._kinds |= kinds
        self._chunks.append(self._array(values, self._together(kinds)))

    def whole(self) -> Any:
        """All values as one chunked array."""
        kind = self._together(self._kinds)
        try:
            wanted: Any = self._type(kind)
            return pa.chunked_array([chunk.cast(wanted) for chunk in self._chunks], wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise self._wrong(f"values that do not all fit into one type ({error})") from None

    def _type(self, kind: str) -> pa.DataType:
        """Of the whole column: as declared where the database has said so."""
        if self._declared is not None and (kind == "null" or pa.types.is_decimal(self._declared)):
            return self._declared
        return _decimals([chunk.type for chunk in self._chunks]) if kind == "decimals" else _PLAIN[kind]

    def _kind(self, found: type, values: Sequence[Any]) -> str:
        kind = next((kind for types, kind in _KINDS if issubclass(found, types)), None)
        if kind is None:
            raise self._wrong(f"values of a type that is not known here, {found.__name__}")
        if kind == "whole numbers" and any(
            isinstance(value, int) and not -_INT64 <= value < _INT64 for value in values
        ):
            return "decimals"
        return kind

    def _together(self, kinds: set[str]) -> str:
        if len(kinds) <= 1:
            return next(iter(kinds), "null")
        for members, kind in _TOGETHER:
            if kinds <= members:
                return kind
        raise self._wrong(" and ".join(sorted(kinds)))

    def _array(self, values: Sequence[Any], kind: str) -> pa.Array[Any]:
        try:
            if kind == "decimals":
                return _of_decimals(values)
            if kind == "JSON":
                return pa.array([None if v is None else msgspec.json.encode(v).decode() for v in values], pa.string())
            if kind == "text":
                return pa.array([None if v is None else str(v) for v in values], pa.string())
            if kind == "floats":
                return pa.array([_float(value) for value in values], pa.float64())
            if kind == "instants":  # dates among them are their midnights
                return pa.array([_at_midnight(value) for value in values], _PLAIN[kind])
            return pa.array(values, _PLAIN[kind])
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError) as error:
            raise self._wrong(f"{kind} that cannot be kept ({error})") from None

    def _wrong(self, holds: str) -> WrongUse:
        return WrongUse(f"{self._source}: column {self.name!r} holds {holds}; cast it to one type in the query")


def _zones(values: Sequence[Any]) -> set[str]:
    aware = {value.tzinfo is not None for value in values if isinstance(value, datetime)}
    return {"instants with a time zone" if zone else "instants" for zone in aware}


def _at_midnight(value: Any) -> Any:
    return datetime(value.year, value.month, value.day) if type(value) is date else value  # noqa: DTZ001 - as it is


def _float(value: Any) -> float | None:
    found = None if value is None else float(value)
    if isinstance(value, int) and found != value:
        raise ValueError(f"{value} is no float that can be kept")
    return found


def _of_decimals(values: Sequence[Any]) -> pa.Array[Any]:
    found = [None if value is None else Decimal(value) for value in values]
    whole, scale = 1, 0
    for value in found:
        if value is not None:
            if not value.is_finite():
                raise ValueError(f"{value} is no decimal that can be kept; a float can hold it")
            _, digits, exponent = value.as_tuple()
            whole = max(whole, len(digits) + int(exponent))
            scale = max(scale, -int(exponent))
    return pa.array(found, _decimal(whole, scale))


def _decimal(whole: int, scale: int) -> pa.DataType:
    """As wide as there is, so that what a column holds today does not say of which type it is."""
    return pa.decimal128(38, scale) if whole + scale <= 38 else pa.decimal256(76, scale)


def _decimals(types: Sequence[pa.DataType]) -> pa.DataType:
    """One type for all chunks."""
    found = [kind for kind in types if pa.types.is_decimal(kind)]
    scale = max(kind.scale for kind in found)
    narrow = all(kind.precision <= 38 for kind in found)
    return pa.decimal128(38, scale) if narrow else pa.decimal256(76, scale)
