"""Request bodies for a load: from rows there are, or from the contract alone, the same for the same seed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from shipworthy import clock
from shipworthy.contract.faults import ARROW_TYPES, check
from shipworthy.contract.records import Feature, Value
from shipworthy.contract.tolerance import tolerates
from shipworthy.errors import DataViolation
from shipworthy.models.columns import from_arrow, to_arrow
from shipworthy.models.records import Columns

Cell = Value | None
_NULLS = 0.05  # share of nulls in a nullable feature
_SPAN = 1_000.0  # width of a range that the contract leaves open
_UNKNOWN = ("a", "b", "c")  # categories where the contract names none
_encode = msgspec.json.Encoder().encode


def from_contract(features: Sequence[Feature], bodies: int, *, seed: int = 0, rows: int = 1) -> list[bytes]:
    """Bodies of `rows` rows each that keep the contract: inside ranges, of known categories, some nulls.

    Timestamps lie in the last day, since a server may refuse what is ahead of the clock; all else is the seed's.
    """
    cells = rows_from_contract(features, bodies * rows, seed=seed)
    return [body(cells[at : at + rows]) for at in range(0, bodies * rows, rows)]


def rows_from_contract(features: Sequence[Feature], rows: int, *, seed: int = 0) -> list[dict[str, Cell]]:
    """So many rows that keep the contract, as JSON has them."""
    source = random.Random(seed)
    return [{feature.name: _sample(feature, source) for feature in features} for _ in range(rows)]


def rows_from_table(features: Sequence[Feature], table: pa.Table) -> list[dict[str, Cell]]:
    """The rows of a table (of any Arrow types) that keep the contract, as JSON has them.

    DataViolation where a column is missing.
    """
    missing = [feature.name for feature in features if feature.name not in table.column_names]
    if missing:
        raise DataViolation(f"the sample has no column {', '.join(missing)}; it has {', '.join(table.column_names)}")
    typed = [check(feature, table[feature.name], feature.values).values for feature in features]
    kept = table.select([feature.name for feature in features])
    columns: Any = dict(zip(kept.column_names, typed, strict=True))
    sendable = pa.table(columns)
    return _cells(sendable.filter(_accepted(features, kept)))


def from_columns(features: Sequence[Feature], columns: Columns, bodies: int, *, rows: int = 1) -> list[bytes]:
    """Bodies of `rows` real rows each, in turn, for as long as it takes; rows that the contract refuses are left out.

    From the contract alone where no row is left.
    """
    table = _sendable(features, to_arrow(columns, features))
    cells = _cells(table.filter(_accepted(features, table)).slice(0, bodies * rows))
    if not cells:
        return from_contract(features, bodies, rows=rows)
    return [body([cells[(number * rows + row) % len(cells)] for row in range(rows)]) for number in range(bodies)]


def sampled(features: Sequence[Feature], rows: int, *, seed: int = 0) -> Columns:
    """Rows that keep the contract, as columns: one (rows,) array a feature."""
    source = random.Random(seed)
    arrays = [_column(feature, [_sample(feature, source) for _ in range(rows)]) for feature in features]
    return from_arrow(pa.table(arrays, names=[feature.name for feature in features]), features)


def _column(feature: Feature, cells: Sequence[Cell]) -> pa.Array[Any]:
    if feature.type != "timestamp":
        return pa.array(cells, ARROW_TYPES[feature.type])
    return pa.array([None if cell is None else clock.from_iso(str(cell)) for cell in cells], pa.timestamp("ns", "UTC"))


def of_rows(features: Sequence[Feature], columns: Columns) -> bytes:
    """One body of exactly these rows, in their order, those that the contract refuses included."""
    return body(_cells(_sendable(features, to_arrow(columns, features))))


def body(rows: Sequence[Mapping[str, Cell]]) -> bytes:
    """The JSON body of POST /predict."""
    return _encode({"rows": rows})


def _sample(feature: Feature, source: random.Random) -> Cell:
    if feature.nullable and source.random() < _NULLS:
        return None
    if feature.type == "category":
        return source.choice(feature.values or _UNKNOWN)
    if feature.type == "boolean":
        return source.random() < 0.5
    if feature.type == "timestamp":
        return clock.to_iso((clock.now() - source.randrange(clock.DAY)) // clock.SECOND * clock.SECOND)
    low, high = _range(feature)
    if feature.type == "integer":
        return source.randint(math.ceil(low), max(math.ceil(low), math.floor(high)))
    return source.uniform(low, high)


def _range(feature: Feature) -> tuple[float, float]:
    low, high = feature.min, feature.max
    if low is None:
        low = 0.0 if high is None else high - _SPAN
    return low, low + _SPAN if high is None else high


def _sendable(features: Sequence[Feature], table: pa.Table) -> pa.Table:
    """Timestamps to the microsecond, where Python's datetime ends."""
    for index, feature in enumerate(features):
        if feature.type == "timestamp":
            column = table[feature.name].cast(ARROW_TYPES["timestamp"], safe=False)
            table = table.set_column(index, feature.name, column)
    return table


def _accepted(features: Sequence[Feature], table: pa.Table) -> pa.Array[Any]:
    """Which rows a server takes."""
    keep = np.ones(table.num_rows, bool)
    for feature in features:
        for fault in check(feature, table[feature.name], feature.values).faults:
            if not tolerates(feature, fault.kind):
                keep &= ~np.asarray(fault.mask)
    return pa.array(keep)


def _cells(table: pa.Table) -> list[dict[str, Cell]]:
    return [{name: _cell(value) for name, value in row.items()} for row in table.to_pylist()]


def _cell(value: Value | datetime | None) -> Cell:
    return clock.to_iso(clock.from_datetime(value)) if isinstance(value, datetime) else value
