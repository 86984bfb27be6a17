"""Rows to look at: predictions from the bins that grew most, out of the table of predictions.

Read when an alarm is raised and never else, newest windows first, a bounded number of rows and only the columns that
moved. What cannot be read is left out: an alarm must not fail for want of an example.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError
from numpy.typing import NDArray

from shipworthy.contract.records import Feature
from shipworthy.contract.study import type_of
from shipworthy.counts.bins import assign
from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.windows import Counts
from shipworthy.models.columns import from_arrow
from shipworthy.monitoring.causes import grown, total
from shipworthy.monitoring.records import Alarm, Example

LOOKED_THROUGH = 200_000  # rows, at most
EACH = 3  # rows of a payoff
PAYOFFS = 3  # that moved most
VALUES = 10  # features that moved, of a row
_BATCH = 20_000  # rows that are looked through at once
_INSTANT = pa.timestamp("ns", tz="UTC")

_logger = logging.getLogger(__name__)


def examples(
    location: Path, reference: Reference, windows: Sequence[tuple[int, Counts]], alarm: Alarm
) -> tuple[Example, ...]:
    """Up to EACH rows of each of the PAYOFFS that moved most, the strongest first.

    location: the Delta table of predictions; windows: starts and counts that the alarm was made of.
    """
    try:
        return _found(location, reference, windows, alarm)
    except (OSError, DeltaError, pa.ArrowException) as error:
        _logger.warning("no rows are given as examples: %s cannot be read (%s)", location, error)
        return ()


class _Wanted:
    """Rows of one bin of one payoff."""

    def __init__(self, payoff: Payoff, bin_: int) -> None:
        self.payoff, self._bin = payoff, bin_
        self.found: list[Example] = []

    @property
    def column(self) -> str:
        """Where the table has its values; a prediction stands where else the score does."""
        if self.payoff.origin == "feature":
            return _feature_column(self.payoff.name)
        return "confidence" if self.payoff.name == "confidence" else "score"

    def take(self, rows: pa.Table, named: Sequence[str]) -> None:
        """Take rows of the bin, spread over the batch, until there are enough."""
        values = _values(rows, self.column)
        if values is None or len(self.found) >= EACH:
            return
        inside = np.flatnonzero(assign(self.payoff.bins, values) == self._bin)
        missing = EACH - len(self.found)
        picked = inside[np.unique(np.linspace(0, len(inside) - 1, missing).astype(np.int64))] if len(inside) else inside
        label = self.payoff.bins.labels[self._bin]
        for row in rows.take(picked).to_pylist():
            told = {name: _readable(row[_feature_column(name)]) for name in named if _feature_column(name) in row}
            answer = _readable(row["score"])
            self.found.append(Example(row["prediction_id"], row["id"], self.payoff.name, label, answer, told))


def _found(
    location: Path, reference: Reference, windows: Sequence[tuple[int, Counts]], alarm: Alarm
) -> tuple[Example, ...]:
    if not DeltaTable.is_deltatable(str(location)):
        return ()
    together = total(reference, [counts for start, counts in windows if start >= alarm.since])
    tables = dict(zip((payoff.name for payoff in reference.payoffs), together.of_payoffs(reference), strict=True))
    payoffs = {payoff.name: payoff for payoff in reference.payoffs}
    wanted = [
        _Wanted(payoffs[moved.payoff], grown(payoffs[moved.payoff], tables[moved.payoff]))
        for moved in alarm.moved[:PAYOFFS]
    ]
    named = [moved.payoff for moved in alarm.moved if moved.origin == "feature"][:VALUES]
    columns = {*map(_feature_column, named), *(one.column for one in wanted)}
    for rows in _batches(location, alarm, columns):
        for one in wanted:
            one.take(rows, named)
        if all(len(one.found) >= EACH for one in wanted):
            break
    return tuple(example for one in wanted for example in one.found)


def _batches(location: Path, alarm: Alarm, columns: set[str]) -> Iterator[pa.Table]:
    """Rows of the alarm's release in its windows, the newest files and row groups first, LOOKED_THROUGH at most."""
    left = LOOKED_THROUGH
    for file in _files(location, alarm):
        parquet = pq.ParquetFile(file)
        there = {parquet.schema.column(i).path for i in range(len(parquet.schema))}
        read = ["prediction_id", "id", "release", "window", *sorted({"score", *columns} & there)]
        for group in reversed(range(parquet.num_row_groups)):
            for batch in parquet.iter_batches(_BATCH, row_groups=[group], columns=read):
                yield _of_alarm(pa.Table.from_batches([batch]).flatten(), alarm)
                left -= batch.num_rows
                if left <= 0:
                    return


def _files(location: Path, alarm: Alarm) -> list[Path]:
    """Files that may hold windows of the alarm, the newest first. The table is written unpartitioned."""
    actions = pa.table(DeltaTable(str(location)).get_add_actions(flatten=True))
    paths: list[Any] = actions["path"].to_pylist()
    spans = zip(paths, _bounds(actions, "min.window"), _bounds(actions, "max.window"), strict=True)
    files = [
        (-(last or 0), path)
        for path, first, last in spans
        if (first is None or first < alarm.event_time) and (last is None or last >= alarm.since)
    ]
    return [location / path for _, path in sorted(files)]


def _bounds(actions: pa.Table, name: str) -> list[int | None]:
    """A statistic of each file, ns; None where the file has none."""
    known: Any = actions[name] if name in actions.column_names else pa.nulls(actions.num_rows, _INSTANT)
    bounds: list[int | None] = known.cast(_INSTANT).cast(pa.int64()).to_pylist()
    return bounds


def _of_alarm(rows: pa.Table, alarm: Alarm) -> pa.Table:
    starts: Any = rows["window"].cast(_INSTANT).cast(pa.int64())
    window = starts.to_numpy()
    mask = (rows["release"].to_numpy() == alarm.release) & (window >= alarm.since) & (window < alarm.event_time)
    return rows.take(np.flatnonzero(mask))


def _values(rows: pa.Table, column: str) -> NDArray[np.generic] | None:
    """A column as bins take it; None where the table has none, or of a type that no feature has."""
    kind = type_of(rows.schema.field(column).type) if column in rows.column_names else None
    if kind is None:
        return None
    [values] = from_arrow(rows.select([column]), [Feature(name=column, type=kind, nullable=True)])
    return values


def _feature_column(name: str) -> str:
    return f"features.{name}"


def _readable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
