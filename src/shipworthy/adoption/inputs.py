"""Which columns of a sample a model takes, and which one holds the truth. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute
from msgspec import structs

from shipworthy.contract.records import Feature
from shipworthy.contract.rules import did_you_mean
from shipworthy.contract.study import Studied, Study, study, type_of
from shipworthy.contract.toml import written
from shipworthy.errors import WrongUse
from shipworthy.models.adopting import Described

pc: Any = pyarrow.compute

UNKNOWN = "truth"  # stands for the label's column where the sample has none
_TARGETS = ("target", "label", "y", "class", "outcome", "truth")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Columns of a sample."""

    features: tuple[str, ...]  # in the model's order
    labels: str | None  # None: the sample holds no truth


def choose(described: Described, table: pa.Table, target: str | None, named: Sequence[str] = ()) -> Chosen:
    """What of a sample the model takes: by its own names, else `named` by the user, else by place.

    WrongUse where columns are missing, or nothing says which of too many they are.
    """
    columns = table.column_names
    if target is not None and target not in columns:
        raise WrongUse(f"the sample has no column {written(target)} ({_hint(target, columns)})")
    names = tuple(named) or described.names
    if not names:
        return _by_place(described, table, target)
    missing = [name for name in names if name not in columns]
    if missing:
        told = "; ".join(f"{written(name)} ({_hint(name, columns)})" for name in missing[:10])
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise WrongUse(f"the sample has not all that the model takes; missing: {told}{more}")
    if described.inputs is not None and len(names) != described.inputs:
        raise WrongUse(f"the model takes {described.inputs} columns, {len(names)} are named: {', '.join(names)}")
    if target in names:
        raise WrongUse(f"--target {target}: the model takes this column as an input")
    return Chosen(names, target or _labels(described, table, names))


def proposed(chosen: Chosen, described: Described, table: pa.Table) -> Study:
    """The study of a sample with nothing but the model's inputs, its labels, and columns of time.

    What kind of model it is says the model; where the sample holds no truth, a column stands for it.
    """
    if table.num_rows < 2:
        raise WrongUse(f"the sample has {table.num_rows} rows; expected two at least, and better some thousand")
    times = [name for name in table.column_names if _is_time(table, name) and name not in chosen.features]
    label = chosen.labels or _free(UNKNOWN, table.column_names)
    wanted = [*chosen.features, *(name for name in times if name != label)]
    if chosen.labels is None or pc.count_distinct(table[label]).as_py() < 2:
        numbered = pa.array([str(row) for row in range(table.num_rows)])
        table = table.select(wanted).append_column(label, numbered)
    found = study(table.select([*wanted, label]), label)
    return replace(
        found,
        columns=tuple(_taken(column, table) if column.name in chosen.features else column for column in found.columns),
        guessed="" if chosen.labels else "not in the sample: put in the column that holds the truth",
        task=described.task,
        classes=len(described.classes),
    )


def refusing(found: Study, features: Sequence[Feature]) -> Study | None:
    """The study with every category held to the values that `features` have seen; None where that changes nothing."""
    seen = {feature.name: feature.values for feature in features if feature.type == "category"}
    open_ = [each.name for each in found.features if each.type == "category" and each.unknown == "allow"]
    if not open_:
        return None
    return replace(found, columns=tuple(_held(column, seen) for column in found.columns))


def _held(column: Studied, seen: Mapping[str, tuple[str, ...] | None]) -> Studied:
    if column.feature is None or column.feature.type != "category":
        return column
    held = structs.replace(column.feature, values=seen[column.name], unknown="refuse")
    return replace(column, feature=held)


def _taken(column: Studied, table: pa.Table) -> Studied:
    """An input whatever it looks like, because the model takes it."""
    if column.feature is not None:
        return column
    kind = type_of(table[column.name].type)
    if kind is None and table[column.name].null_count == table.num_rows:
        kind = "float"
    if kind is None:
        raise WrongUse(f"the model takes {written(column.name)}, which {column.seen}")
    nullable = table[column.name].null_count > 0
    feature = Feature(name=column.name, type=kind, nullable=nullable)
    return Studied(column.name, feature, f"the model takes it; it {column.seen}")


def _by_place(described: Described, table: pa.Table, target: str | None) -> Chosen:
    columns = [name for name in table.column_names if name != target and not _is_time(table, name)]
    wanted = described.inputs
    if wanted is None or len(columns) == wanted:
        labels = target if wanted is not None or target else _labels(described, table, ())
        return Chosen(tuple(name for name in columns if name != labels), labels)
    labels = target or _labels(described, table, ())
    rest = tuple(name for name in columns if name != labels)
    if len(rest) == wanted:
        return Chosen(rest, labels)
    raise WrongUse(
        f"the model takes {wanted} columns and does not say which; the sample has {len(columns)} that could be meant: "
        f"{', '.join(columns)}. Name them in the model's order: --features a,b,c"
    )


def _labels(described: Described, table: pa.Table, taken: Sequence[str]) -> str | None:
    """The column that holds the truth, where there can be no doubt."""
    possible = [name for name in table.column_names if name not in taken and _could_be(described, table[name])]
    named = [name for word in _TARGETS for name in possible if name.lower() == word]
    if named:
        return named[0]
    return possible[0] if len(possible) == 1 and taken else None if taken else next(reversed(possible), None)


def _could_be(described: Described, column: pa.ChunkedArray[Any]) -> bool:
    kind = type_of(column.type)
    if not described.classes:
        return kind in ("float", "integer")
    if kind is None or kind == "timestamp":
        return False
    return set(pc.unique(column.drop_null()).to_pylist()) <= set(described.classes)


def _is_time(table: pa.Table, name: str) -> bool:
    return type_of(table[name].type) == "timestamp"


def _hint(name: str, columns: Sequence[str]) -> str:
    return did_you_mean(name, columns) or f"there are {', '.join(columns[:20])}"


def _free(name: str, taken: Sequence[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)
