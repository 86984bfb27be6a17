"""Rows of a request: from JSON to checked values in one pass, and from values to the columns that a runtime takes.

The type that JSON is decoded into is made from the contract, so that msgspec checks types, ranges and categories while
it reads. Only what it refuses is looked at again (`violations`), to say why, or to flag or replace a value where the
contract asks for that.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from msgspec.structs import astuple

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.models.records import NULL_TIMESTAMP, NUMERIC, Columns, SideBySide
from shipworthy.predictions.format import apart

Row = tuple[Any, ...]  # values in the contract's order: float, int (timestamps too), bool, str or None
PackedRow = bytes  # the same as doubles, where the contract has nothing but floats that are never null

EXACT = 2**53  # a nullable integer travels as a float64, which is exact up to here


class Call(msgspec.Struct, frozen=True, gc=False):
    """Rows to be answered, checked, and what the caller calls them."""

    rows: Sequence[Row | PackedRow]
    id: str | None = None  # echoed; also the row's own id where there is one row
    ids: list[str] | None = None  # a row each
    flags: Sequence[tuple[int, int]] = ()  # (row, feature's index) of violations that are let through
    deadline: float | None = None  # seconds that the caller waits for the answer


class RowFormat:
    """How rows of some features are read, and put into columns."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.type = _row_type(features)  # refuses whatever the contract does not allow
        self._instants = [index for index, feature in enumerate(features) if feature.type == "timestamp"]
        self._numbers = [index for index, feature in enumerate(features) if feature.type in NUMERIC]
        self._others = [
            (index, _TO_COLUMN[feature.type]) for index, feature in enumerate(features) if apart(feature)
        ]  # what has a column of its own, in the log too
        self._pack = struct.Struct(f"={len(self._numbers)}d").pack
        self._nulls = any(features[index].nullable for index in self._numbers)
        self._only_numbers = not self._others and not self._nulls
        self._width = len(features)
        self._select = _selection(self._numbers, len(features))

    def rows(self, decoded: Iterable[msgspec.Struct]) -> list[Row]:
        """Values of decoded structs. OverflowError for a timestamp that nanoseconds do not hold."""
        rows: list[Row] = list(map(astuple, decoded))
        return [self._with_instants(row) for row in rows] if self._instants else rows

    def compact(self, decoded: Iterable[msgspec.Struct]) -> Sequence[Row | PackedRow]:
        """As `rows`, packed where that is possible.

        Thirty numbers of Python are four times as large as their doubles, and those of a tick's requests do not fit
        into the processor's nearest cache together: packed at once, they leave it to the next request's.
        """
        if self._only_numbers:
            pack = self._pack
            return [pack(*astuple(row)) for row in decoded]
        return self.rows(decoded)

    def singles(self, decoded: Iterable[Sequence[msgspec.Struct]]) -> Sequence[Row | PackedRow]:
        """As `compact`, of requests of one row each. ValueError where one has another number of rows."""
        if self._only_numbers:
            pack = self._pack
            return [pack(*astuple(row)) for (row,) in decoded]
        return self.rows([row for (row,) in decoded])

    def columns(self, rows: Sequence[Row | PackedRow]) -> Columns:
        """The columns of at least one row.

        All numbers go through one array of doubles, which is several times faster than an array each; packed as bytes
        where there is no null among them, or read one by one, which makes NaN of None. A whole number that doubles do
        not hold exactly is put into its own column from its row.
        """
        if not self._numbers:
            return [make([row[index] for row in rows]) for index, make in self._others]
        if self._nulls:
            select: Callable[[Any], Sequence[Any]] = self._select
            numbers = chain.from_iterable(map(select, rows))
            table = np.fromiter(numbers, np.float64, len(rows) * len(self._numbers)).reshape(len(rows), -1)
        else:
            table = np.frombuffer(bytearray().join(map(self._packed, rows))).reshape(len(rows), -1)
        apart = {index: make([row[index] for row in rows]) for index, make in self._others}
        return SideBySide(table, self._numbers, apart, self._width)

    def _packed(self, row: Row | PackedRow) -> PackedRow:
        if isinstance(row, bytes):
            return row
        numbers = self._select(row)
        try:
            return self._pack(*numbers)
        except struct.error:  # a null that the contract does not allow, and lets through with a flag
            return self._pack(*[math.nan if number is None else number for number in numbers])

    def _with_instants(self, row: Row) -> Row:
        for index in self._instants:
            if isinstance(row[index], datetime):
                row = (*row[:index], instant(row[index]), *row[index + 1 :])
        return row


def instant(moment: datetime) -> int:
    """A timestamp as nanoseconds since 1970, UTC. OverflowError where they do not hold it."""
    nanoseconds = clock.from_datetime(moment)
    if not NULL_TIMESTAMP < nanoseconds < -NULL_TIMESTAMP:
        raise OverflowError(f"{moment.isoformat()} is outside the years that nanoseconds hold, 1678 to 2261")
    return nanoseconds


def integer_bounds(feature: Feature) -> tuple[int, int]:
    """The least and the greatest integer that a feature takes."""
    low, high = (-EXACT, EXACT) if feature.nullable else (-(2**63), 2**63 - 1)
    if feature.min is not None:
        low = max(low, math.ceil(feature.min))
    if feature.max is not None:
        high = min(high, math.floor(feature.max))
    return low, high


def _row_type(features: Sequence[Feature]) -> type[msgspec.Struct]:
    """A struct with one field a feature."""
    fields: list[Any] = [
        (f"f{index}", _type(feature), None) if feature.nullable else (f"f{index}", _type(feature))
        for index, feature in enumerate(features)
    ]
    return msgspec.defstruct(
        "Row",
        fields,
        rename={f"f{index}": feature.name for index, feature in enumerate(features)},
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


def _type(feature: Feature) -> Any:
    plain = _PLAIN[feature.type](feature)
    return plain | None if feature.nullable else plain


def _float(feature: Feature) -> Any:
    return Annotated[float, Meta(ge=feature.min, le=feature.max)]


def _integer(feature: Feature) -> Any:
    low, high = integer_bounds(feature)
    return Annotated[int, Meta(ge=low, le=high)]


def _category(feature: Feature) -> Any:
    if feature.unknown == "refuse" and feature.values:
        return Literal[feature.values]
    return str


def _timestamp(_feature: Feature) -> Any:
    return Annotated[datetime, Meta(tz=True)] | Annotated[int, Meta(gt=NULL_TIMESTAMP, le=2**63 - 1)]


_PLAIN: dict[str, Callable[[Feature], Any]] = {
    "float": _float,
    "integer": _integer,
    "boolean": lambda _feature: bool,
    "category": _category,
    "timestamp": _timestamp,
}


def _selection(indices: Sequence[int], width: int) -> Callable[[Row], Sequence[Any]]:
    """What takes these values out of a row."""
    if len(indices) == width:
        return lambda row: row
    if len(indices) == 1:
        return lambda row: (row[indices[0]],)
    return itemgetter(*indices) if indices else lambda row: ()


_TO_COLUMN: dict[str, Callable[[Sequence[Any]], Any]] = {
    "integer": lambda values: np.array(values, np.int64),
    "boolean": lambda values: np.array(values, np.bool_),
    "category": lambda values: np.array(values, object),
    "timestamp": lambda values: np.array([NULL_TIMESTAMP if value is None else value for value in values], np.int64),
}
