"""Which values of a column are not what a feature promises: one mask a kind of fault. Pure.

A value has at most one fault. NaN counts as null, as it does for every runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

from shipworthy.contract.records import Feature, FeatureType
from shipworthy.contract.tolerance import FaultKind
from shipworthy.contract.words import described, range_of

pc: Any = pyarrow.compute  # its published types refuse Python numbers as operands

Column: TypeAlias = "pa.ChunkedArray[Any]"

# What each type of feature is read as. Instants keep microseconds, so that the years 1 to 9999 all fit.
ARROW_TYPES: dict[FeatureType, pa.DataType] = {
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of one column that share a fault."""

    kind: FaultKind
    mask: Column  # boolean, no nulls, one a row
    expected: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A column as the feature's own type, and what is wrong with it."""

    values: Column  # of ARROW_TYPES[feature.type]; null where null, NaN or of a wrong type
    faults: tuple[Fault, ...]


def check(feature: Feature, column: Column, seen: Collection[str] | None = None) -> Checked:
    """A column (n values of any Arrow type) against a feature; `seen`: its categories where the contract lists none."""
    values = _converted(feature.type, column)
    absent = pc.is_null(column, nan_is_null=True)
    wrong = pc.and_(pc.is_null(values), pc.invert(absent))
    found = [Fault("wrong type", wrong, described(feature.type))]
    if not feature.nullable:
        found.append(Fault("null", absent, "a value in every row (the feature is not nullable)"))
    if feature.type in ("float", "integer"):
        found += _number_faults(feature, values)
    known = feature.values if feature.values is not None else seen
    if feature.type == "category" and feature.unknown == "refuse" and known is not None:
        found.append(_unknown(values, known))
    return Checked(values, tuple(fault for fault in found if pc.any(fault.mask).as_py()))


def _number_faults(feature: Feature, values: Column) -> list[Fault]:
    faults = []
    finite = pc.fill_null(pc.is_finite(values), fill_value=True)
    if feature.type == "float":
        faults.append(Fault("not finite", pc.invert(finite), "a finite number"))
    if feature.min is not None or feature.max is not None:
        outside = pa.chunked_array([pa.repeat(pa.scalar(value=False), len(values))])
        if feature.min is not None:
            outside = pc.or_(outside, _no_nulls(pc.less(values, feature.min)))
        if feature.max is not None:
            outside = pc.or_(outside, _no_nulls(pc.greater(values, feature.max)))
        faults.append(Fault("out of range", pc.and_(outside, finite), range_of(feature)))
    return faults


def _unknown(values: Column, known: Collection[str]) -> Fault:
    inside = pc.is_in(values, value_set=pa.array(sorted(known), pa.string()))
    shown = ", ".join(sorted(known)[:8]) + (", …" if len(known) > 8 else "")
    return Fault("unknown category", pc.and_(pc.invert(inside), pc.is_valid(values)), f"one of {shown}")


def _no_nulls(mask: Column) -> Column:
    filled: Column = pc.fill_null(mask, fill_value=False)
    return filled


def _converted(kind: FeatureType, column: Column) -> Column:
    """The column as the feature's type; null wherever a value is not of it."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_null(column.type) or not _FITS[kind](column.type):
        absent: Any = pa.nulls(len(column), ARROW_TYPES[kind])  # type: ignore[call-overload]
        return pa.chunked_array([absent])
    if pa.types.is_floating(column.type):
        return _of_floats(kind, column)
    if pa.types.is_uint64(column.type) and kind == "integer":
        column = pc.if_else(pc.less_equal(column, 2**63 - 1), column, None)
    return column.cast(ARROW_TYPES[kind], safe=False)


def _of_floats(kind: FeatureType, column: Column) -> Column:
    """Floats for a number; whole ones for an integer, since pandas writes integers with gaps as floats."""
    numbers: Column = column.cast(pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
    if kind == "float":
        return numbers
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less(pc.abs(numbers), 2.0**63))
    integers: Column = pc.cast(pc.if_else(whole, numbers, None), pa.int64(), safe=False)
    return integers


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_integer(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_instant(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


_FITS: dict[FeatureType, Callable[[Any], bool]] = {
    "float": _is_number,
    "integer": _is_integer,
    "boolean": pa.types.is_boolean,
    "category": _is_text,
    "timestamp": _is_instant,
}
