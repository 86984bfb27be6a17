"""History and holdout, cut by time: the newest labelled rows are held out, those before are trained on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import DataSource, Retraining
from shipworthy.errors import DataViolation, WrongUse
from shipworthy.lineage.records import Cut

pc: Any = pyarrow.compute  # its published types refuse Python numbers as operands

HELD_OUT = 0.2  # of the rows, where the contract names no duration


@dataclass(frozen=True, slots=True)
class Parts:
    """A table cut in two; each part in the order of time."""

    history: pa.Table
    holdout: pa.Table
    cut: Cut


def cut(table: pa.Table, source: DataSource, retraining: Retraining) -> Parts:
    """Cut the source that holds the target, relative to the time of its newest labelled row.

    Rows without a label are dropped. WrongUse where a part would be empty; DataViolation where a labelled row has no
    time.
    """
    labelled = _labelled(table, source)
    unlabelled = table.num_rows - labelled.num_rows
    if not labelled.num_rows:
        raise WrongUse(f"data.{source.name}: none of {table.num_rows:,} rows has a label in {source.target!r}")
    if source.time is None:
        rows = labelled.num_rows - max(1, round(HELD_OUT * labelled.num_rows))
        return _checked(labelled.slice(0, rows), labelled.slice(rows), source, (None, None, None), unlabelled)
    ordered, times = _ordered(labelled, source.name, source.time)
    end = int(times[-1]) + 1
    split = end - retraining.holdout if retraining.holdout is not None else _newest_share(times)
    start = split - retraining.history if retraining.history is not None else None
    return _at(ordered, times, source, (start, split, end), unlabelled)


def again(table: pa.Table, source: DataSource, recorded: Cut) -> Parts:
    """The same cut of the same data, as a run recorded it."""
    labelled = _labelled(table, source)
    unlabelled = table.num_rows - labelled.num_rows
    if recorded.column is None or recorded.split is None or recorded.end is None:
        rows = recorded.history_rows
        return _checked(labelled.slice(0, rows), labelled.slice(rows), source, (None, None, None), unlabelled)
    ordered, times = _ordered(labelled, source.name, recorded.column)
    return _at(ordered, times, source, (recorded.start, recorded.split, recorded.end), unlabelled)


def before(table: pa.Table, source: DataSource, bounds: Cut) -> pa.Table:
    """A source without a target, less what was not yet known when history ended; in the order of its time."""
    if source.time is None or bounds.split is None:
        return table
    ordered, times = _ordered(table, source.name, source.time)
    return ordered.slice(0, int(np.searchsorted(times, bounds.split)))


def instants(column: pa.ChunkedArray[Any], name: str) -> NDArray[np.int64]:
    """A column of timestamps, dates, ISO texts or integers as ns since 1970 UTC; integers are taken as they are."""
    if column.null_count:
        first = pc.index(pc.is_null(column), value=True).as_py()
        raise DataViolation(f"{name}: {column.null_count:,} labelled rows have no time, the first is row {first}")
    if pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.int64()))
    try:
        return np.asarray(column.cast(pa.timestamp("ns")).cast(pa.int64()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataViolation(
            f"{name}: expected times, dates, ISO 8601 texts or integers of ns since 1970; it is {column.type}: {error}"
        ) from None


def _labelled(table: pa.Table, source: DataSource) -> pa.Table:
    if source.target not in table.column_names:
        shown = ", ".join(table.column_names)
        raise DataViolation(f"data.{source.name}: no column {source.target!r} for the target; there are {shown}")
    target = table[source.target]
    absent = pc.is_null(target, nan_is_null=True)
    return table if not pc.any(absent).as_py() else table.filter(pc.invert(absent))


def _ordered(table: pa.Table, source: str, column: str) -> tuple[pa.Table, NDArray[np.int64]]:
    """In the order of time, rows of one instant in the order in which they were read."""
    if column not in table.column_names:
        raise DataViolation(
            f"data.{source}: no column {column!r} for the time; there are {', '.join(table.column_names)}"
        )
    times = instants(table[column], f"data.{source}: {column}")
    if np.all(times[:-1] <= times[1:]):
        return table, times
    order = np.argsort(times, kind="stable")
    return table.take(order), times[order]


def _newest_share(times: NDArray[np.int64]) -> int:
    return int(times[len(times) - max(1, round(HELD_OUT * len(times)))])


def _at(
    ordered: pa.Table,
    times: NDArray[np.int64],
    source: DataSource,
    bounds: tuple[int | None, int, int],
    unlabelled: int,
) -> Parts:
    start, split, end = bounds
    first = 0 if start is None else int(np.searchsorted(times, start))
    middle = int(np.searchsorted(times, split))
    last = int(np.searchsorted(times, end))
    history = ordered.slice(first, middle - first)
    return _checked(history, ordered.slice(middle, last - middle), source, bounds, unlabelled)


def _checked(
    history: pa.Table,
    holdout: pa.Table,
    source: DataSource,
    bounds: tuple[int | None, int | None, int | None],
    unlabelled: int,
) -> Parts:
    start, split, end = bounds
    if not history.num_rows or not holdout.num_rows:
        part, key = ("history", "retraining.history") if not history.num_rows else ("holdout", "retraining.holdout")
        raise WrongUse(f"data.{source.name}: {part} is empty{_range(bounds)}; expected rows in both: change {key}")
    recorded = Cut(
        column=source.time if split is not None else None,
        start=start,
        split=split,
        end=end,
        history_rows=history.num_rows,
        holdout_rows=holdout.num_rows,
        unlabelled_rows=unlabelled,
    )
    return Parts(history, holdout, recorded)


def _range(bounds: tuple[int | None, int | None, int | None]) -> str:
    _, split, end = bounds
    if split is None or end is None:
        return ""
    return f" with the holdout from {clock.to_iso(split)} to {clock.to_iso(end)} (integers count as ns since 1970)"
