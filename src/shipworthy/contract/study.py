"""What a sample says about a model's inputs: types, ranges, categories, the likely target. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute

from shipworthy.contract.faults import Column
from shipworthy.contract.records import Feature, FeatureType, Task
from shipworthy.contract.rules import against_name, did_you_mean
from shipworthy.contract.toml import written
from shipworthy.errors import WrongUse

pc: Any = pyarrow.compute

FEW = 20  # categories up to this many are listed
CLASSES = 10  # a whole number with more values than this is predicted as a number
_TARGETS = ("target", "label", "y", "class", "outcome", "truth")
_IDENTIFIER = re.compile(r"(.*[_\s-])?(id|uuid|key|index)|unnamed: \d+|__index_level_\d+__", re.IGNORECASE)
_DATE = r"^\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}([ T]\d{1,2}:\d{2}.*)?$"
_WHOLE = 2**53  # whole numbers beyond it are not told apart by a float


@dataclass(frozen=True, slots=True)
class Studied:
    """One column of the sample."""

    name: str
    feature: Feature | None  # None: it is not proposed as an input
    seen: str  # what it holds, in words; why it is left out
    key: bool = False  # another value in every row, none missing
    dates: bool = False  # texts that look like dates, and are none to whoever reads the file


@dataclass(frozen=True, slots=True)
class Study:
    """A sample of n rows."""

    rows: int
    columns: tuple[Studied, ...]  # without the target, in the sample's order
    target: str
    guessed: str  # why this target; "" where it was given
    task: Task
    classes: int  # distinct labels; 0 for a regression
    time: str | None  # the column that tells when
    span: float  # days between the first and the last row; 0 without time

    @property
    def features(self) -> tuple[Feature, ...]:
        """The proposed inputs."""
        return tuple(column.feature for column in self.columns if column.feature)


def study(table: pa.Table, target: str | None = None) -> Study:
    """Study a sample (n rows). WrongUse where it has no rows, no column to predict or none to predict it from."""
    names = table.column_names
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WrongUse(f"the sample has two columns {written(twice)}; expected a name for each")
    if not table.num_rows:
        raise WrongUse("the sample has no rows")
    found = [_column(name, table[name]) for name in names]
    chosen, guessed = (_given(target, names), "") if target is not None else _guess(found, table)
    labels = _labels(chosen, table[chosen])
    rest = tuple(column for column in found if column.name != chosen)
    if not any(column.feature for column in rest):
        left_out = "; ".join(f"{written(column.name)} {column.seen}" for column in rest) or "there is no other column"
        raise WrongUse(f"the sample has nothing to predict {written(chosen)} from: {left_out}")
    task: Task = "classification" if labels else "regression"
    time = _time(rest, table)
    return Study(table.num_rows, rest, chosen, guessed, task, labels, time, _days(table[time]) if time else 0.0)


def study_columns(table: pa.Table) -> tuple[Studied, ...]:
    """What each column of a sample (n rows) could be as an input, whatever is predicted from it."""
    return tuple(_column(name, table[name]) for name in table.column_names)


def type_of(kind: pa.DataType) -> FeatureType | None:
    """The contract's type of an Arrow type; None where it has none."""
    if pa.types.is_dictionary(kind):
        return type_of(kind.value_type)
    return next((name for name, tests in _TYPES for test in tests if test(kind)), None)


def _column(name: str, column: Column) -> Studied:
    kind = type_of(column.type)
    column = _plain(column)
    present = column.drop_null()
    against = against_name(name) or ("" if name.isprintable() else "with a character that cannot be seen")
    if against:
        return Studied(name, None, f"has a name {against}: rename it")
    if not len(present):
        return Studied(name, None, "holds nothing but nulls")
    if kind is None:
        return Studied(name, None, f"is of type {column.type}, which no feature can have")
    if kind == "timestamp":
        first, last = (_instant(value.cast(pa.string()).as_py()) for value in pc.min_max(present).values())
        return Studied(
            name, None, f"tells when, from {first} to {last}; an input only if callers send it, as type timestamp"
        )
    distinct: int = pc.count_distinct(present).as_py()
    nulls = len(column) - len(present)
    identifier = _identifier(name, kind, distinct, len(present))
    if identifier:
        return Studied(name, None, identifier, key=distinct == len(column))
    if kind in ("float", "integer"):
        low, high, seen = _range(kind, present)
        feature = Feature(name=name, type=kind, nullable=nulls > 0, min=low, max=high)
    else:
        values = tuple(sorted(pc.unique(present).to_pylist())) if kind == "category" and distinct <= FEW else None
        feature = Feature(name=name, type=kind, nullable=nulls > 0, values=values)
        seen = _several(distinct) if kind == "category" else f"true in {_share(pc.mean(present).as_py())}"
    seen += f", null in {_share(nulls / len(column))}" if nulls else ""
    return Studied(name, feature, seen, dates=kind == "category" and _are_dates(present))


def _several(distinct: int) -> str:
    return "the same value throughout" if distinct == 1 else f"{distinct:,} different values"


def _are_dates(present: Column) -> bool:
    """Whether texts are written as dates in a way that readers of CSV do not take for dates, such as 31/01/2024."""
    return bool(pc.all(pc.match_substring_regex(present, _DATE)).as_py())


def _instant(text: str) -> str:
    """2013-01-01 00:00:00.000000 without what is all zeros."""
    return re.sub(r"(:00)?\.0+$", "", text)


def _identifier(name: str, kind: FeatureType, distinct: int, present: int) -> str:
    """Why a column looks as if it only told rows apart; "" where it does not."""
    if kind == "category" and distinct > max(100, present // 2):
        return f"has {distinct:,} different texts in {present:,} rows, too many to learn from"
    if kind != "boolean" and present > 1 and distinct == present and _IDENTIFIER.fullmatch(name):
        return "only tells rows apart"
    return ""


def _range(kind: FeatureType, present: Column) -> tuple[float | None, float | None, str]:
    """A range with room around what was seen, and what was seen."""
    finite = present if kind == "integer" else present.filter(pc.is_finite(present))
    infinite = len(present) - len(finite)
    warning = f"; {infinite:,} rows are infinite, which is refused" if infinite else ""
    if not len(finite):
        return None, None, "no finite value" + warning
    low, high = (value.as_py() for value in pc.min_max(finite).values())
    seen = f"{low:g} to {high:g}"
    room = _room(low, high, whole=kind == "integer")
    return *room, seen + warning


def _room(low: float, high: float, *, whole: bool) -> tuple[float | None, float | None]:
    """Half the span more on each side, rounded outwards; never below zero where nothing was. None: no sound range."""
    if not whole and low >= 0 and high <= 1:
        return 0.0, 1.0
    span = float(high) - float(low) or abs(float(high)) or 1.0
    if not math.isfinite(span) or max(abs(low), abs(high)) > _WHOLE or span < 1e-300:
        return None, None
    step = 10.0 ** math.floor(math.log10(span)) / 2
    step = max(step, 1.0) if whole else step
    bottom = math.floor((low - span / 2) / step) * step
    top = math.ceil((high + span / 2) / step) * step
    bottom, top = float(f"{bottom:.12g}"), float(f"{top:.12g}")
    if low >= 0:
        bottom = max(bottom, 0.0)
    if whole:
        bottom, top = float(math.floor(bottom)), float(math.ceil(top))
    return (bottom, top) if bottom <= low and high <= top else (None, None)


def _plain(column: Column) -> Column:
    """Without dictionaries, decimals and NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_decimal(column.type) or pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        plain: Column = pc.if_else(pc.is_nan(column), None, column)
        return plain
    if type_of(column.type) == "timestamp":
        return column.cast(pa.timestamp("us"), safe=False)
    return column.cast(pa.string()) if type_of(column.type) == "category" else column


def _given(target: str, names: Sequence[str]) -> str:
    if target not in names:
        hint = did_you_mean(target, names) or f"there are {', '.join(names)}"
        raise WrongUse(f"the sample has no column {written(target)} ({hint})")
    if not target.strip():
        raise WrongUse(f"the target {written(target)} is a blank name: rename the column")
    return target


def _guess(found: Sequence[Studied], table: pa.Table) -> tuple[str, str]:
    possible = [column.name for column in found if column.feature and _distinct(table[column.name]) > 1]
    if not possible:
        raise WrongUse("the sample has no column that could be predicted; name one by --target")
    named = next((name for word in _TARGETS for name in possible if name.lower() == word), None)
    if named is not None:
        return named, "guessed by its name"
    last = possible[-1]
    return last, "guessed: the last column that could be predicted"


def _labels(name: str, column: Column) -> int:
    """The number of classes; 0 where the target is a number to be predicted as such."""
    kind = type_of(column.type)
    if kind is None or kind == "timestamp":
        raise WrongUse(f"the target {written(name)} is of type {column.type}; expected numbers, texts or booleans")
    distinct = _distinct(column)
    if distinct < 2:
        raise WrongUse(f"the target {written(name)} has {distinct} different values; expected at least two")
    if kind in ("boolean", "category"):
        return distinct
    few = distinct <= CLASSES and (distinct == 2 or distinct <= len(column) // 10)
    return distinct if few and (kind == "integer" or distinct == 2) else 0


def _distinct(column: Column) -> int:
    count: int = pc.count_distinct(_plain(column).drop_null()).as_py()
    return count


def _time(columns: Sequence[Studied], table: pa.Table) -> str | None:
    instants = [column.name for column in columns if type_of(table[column.name].type) == "timestamp"]
    return next((name for name in instants if name.strip() and not table[name].null_count), None)


def _days(column: Column) -> float:
    first, last = (value.cast(pa.int64()).as_py() for value in pc.min_max(_plain(column)).values())
    return float(last - first) / 86_400e6


def _share(share: float) -> str:
    return f"{100 * share:.2g}% of rows"


_TYPES: tuple[tuple[FeatureType, tuple[Any, ...]], ...] = (
    ("boolean", (pa.types.is_boolean,)),
    ("integer", (pa.types.is_integer,)),
    ("float", (pa.types.is_floating, pa.types.is_decimal)),
    ("category", (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)),
    ("timestamp", (pa.types.is_timestamp, pa.types.is_date)),
)
