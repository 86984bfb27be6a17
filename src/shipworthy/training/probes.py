"""Frozen probe rows: real rows, and made ones where conversions and rebuilds err. Pure, and the same every time.

Every probe could be a request: its values lie within the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from shipworthy.contract.records import Feature
from shipworthy.models.columns import schema

pc: Any = pyarrow.compute

REAL = 512  # rows of history
SPLITS = 512  # rows at split points
UNSEEN = "shipworthy: never seen"  # a category that no data holds

LARGEST = float(np.finfo(np.float32).max)
BASE = 16  # real rows that made ones differ from in one value
_WHOLE = pa.int64()

Row = dict[str, Any]  # instants as ns since 1970 UTC


def probes(features: Sequence[Feature], history: pa.Table) -> pa.Table:
    """One column a feature. Up to REAL rows spread evenly over history (n >= 1 rows, in the features' own types), then
    for each feature a real row with it null, unseen, smallest or largest, as far as the contract allows, then one row
    with everything null that may be.
    """
    names = [feature.name for feature in features]
    places = np.unique(np.linspace(0, history.num_rows - 1, min(REAL, history.num_rows)).astype(np.int64))
    real = history.select(names).take(places)
    made = list(_made(features, history, _rows(real.slice(0, BASE))))
    return pa.concat_tables([real.cast(schema(features)), _table(made, schema(features))])


def with_splits(table: pa.Table, features: Sequence[Feature], thresholds: Mapping[str, Sequence[float]]) -> pa.Table:
    """The probes with rows on both sides of a model's thresholds added, at most SPLITS of them.

    A side is the nearest value that a float of 32 bits can hold: such a value means the same to the library, which
    compares in 64 bits, and to a converted model, which compares in 32. For whole numbers, the nearest whole ones.
    """
    by_name = {feature.name: feature for feature in features if feature.type in ("float", "integer")}
    split = {name: values for name, values in sorted(thresholds.items()) if name in by_name and len(values)}
    if not split:
        return table
    each = max(1, SPLITS // (2 * len(split)))
    base = _rows(table.slice(0, BASE))
    made: list[Row] = []
    for name, values in split.items():
        chosen = np.unique(np.linspace(0, len(values) - 1, min(each, len(values))).astype(np.int64))
        sides = [side for place in chosen for side in _sides(by_name[name], values[place])]
        made += [{**base[len(made) % len(base)], name: side} for side in sides]
    return pa.concat_tables([table, _table(made[:SPLITS], table.schema)])


def _made(features: Sequence[Feature], history: pa.Table, base: Sequence[Row]) -> Iterator[Row]:
    number = 0
    for feature in features:
        for value in _EXTREMES[feature.type](feature, history[feature.name]):
            yield {**base[number % len(base)], feature.name: value}
            number += 1
        if feature.nullable:
            yield {**base[number % len(base)], feature.name: None}
            number += 1
    absent = {feature.name: None for feature in features if feature.nullable}
    if absent:
        yield {**base[0], **absent}


def _of_numbers(feature: Feature, column: pa.ChunkedArray[Any]) -> list[Any]:
    """The smallest and largest that the contract allows, else that history holds."""
    low, high = _bounds(column)
    bounds = (low if feature.min is None else feature.min, high if feature.max is None else feature.max)
    found = [bound for bound in bounds if bound is not None]
    if feature.type == "float":
        return [float(bound) for bound in found]
    return [side for bound in found for side in {int(np.ceil(bound)), int(np.floor(bound))} if _allowed(feature, side)]


def _of_booleans(_feature: Feature, _column: pa.ChunkedArray[Any]) -> list[Any]:
    return [False, True]


def _of_categories(feature: Feature, column: pa.ChunkedArray[Any]) -> list[Any]:
    """Each known value once, as far as there are few, and one that is not known."""
    known = feature.values if feature.values is not None else pc.unique(column).to_pylist()
    first = sorted(value for value in known if value is not None)[:32]
    return [*first, UNSEEN] if feature.unknown == "allow" else first


def _of_instants(_feature: Feature, column: pa.ChunkedArray[Any]) -> list[Any]:
    bounds = _bounds(column.cast(_WHOLE))
    return [bound for bound in bounds if bound is not None]


def _bounds(column: pa.ChunkedArray[Any]) -> tuple[Any, Any]:
    found: dict[str, Any] = dict(pc.min_max(column).as_py())
    return found["min"], found["max"]


def _rows(table: pa.Table) -> list[Row]:
    """Rows as Python values; an instant has more digits than Python's own datetime holds."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(_WHOLE))
    return table.to_pylist()


def _table(rows: list[Row], wanted: pa.Schema) -> pa.Table:
    loose = pa.schema([(field.name, _WHOLE if pa.types.is_timestamp(field.type) else field.type) for field in wanted])
    return pa.Table.from_pylist(rows, schema=loose).cast(wanted)


_EXTREMES: dict[str, Callable[[Feature, Any], list[Any]]] = {
    "float": _of_numbers,
    "integer": _of_numbers,
    "boolean": _of_booleans,
    "category": _of_categories,
    "timestamp": _of_instants,
}


def _sides(feature: Feature, threshold: float) -> list[float | int]:
    if not abs(threshold) < LARGEST:
        return []
    below, above = _neighbours(threshold)
    if feature.type == "integer":
        below, above = float(np.floor(threshold)), float(np.floor(threshold)) + 1
    sides: list[float | int] = [int(side) if feature.type == "integer" else side for side in (below, above)]
    return [side for side in sides if _allowed(feature, side)]


def _neighbours(threshold: float) -> tuple[float, float]:
    """The largest float32 that is not above, and the smallest that is above."""
    nearest = np.float32(threshold)
    below = nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf))
    return float(below), float(np.nextafter(below, np.float32(np.inf)))


def _allowed(feature: Feature, value: float) -> bool:
    low = feature.min is None or value >= feature.min
    return low and (feature.max is None or value <= feature.max) and bool(np.isfinite(value))
