"""Rows to look at: predictions from the bins that grew most, out of the table of predictions.

Read when an alarm is raised and never else, newest windows first, a bounded number of rows and only the columns that
moved. What cannot be read is left out: an alarm must not fail for want of an example.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake.exceptions import DeltaError
from numpy.typing import NDArray

from shipworthy.contract.records import Feature
from shipworthy.contract.study import type_of
from shipworthy.counts.bins import Codes, assign
from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.windows import Counts
from shipworthy.models.columns import from_arrow
from shipworthy.monitoring.causes import grown, total
from shipworthy.monitoring.grouping import as_seen
from shipworthy.monitoring.records import Alarm, Example
from shipworthy.monitoring.stored import Span, feature_column, newest_rows

LOOKED_THROUGH = 200_000  # rows, at most
EACH = 3  # rows of a payoff
PAYOFFS = 3  # that moved most
VALUES = 10  # features that moved, of a row

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

    def __init__(self, payoff: Payoff, bin_: int, features: Sequence[str]) -> None:
        """features: of which it is; two for a pair, none for what the model says."""
        self.payoff, self._bin, self.features = payoff, bin_, features
        self.found: list[Example] = []

    @property
    def columns(self) -> list[str]:
        """Where the table has its values; a prediction stands where else the score does."""
        if self.features:
            return [feature_column(name) for name in self.features]
        return ["confidence" if self.payoff.name == "confidence" else "score"]

    def take(self, rows: pa.Table, named: Sequence[str]) -> None:
        """Take rows of the bin, spread over the batch, until there are enough."""
        codes = self._codes(rows)
        if codes is None or len(self.found) >= EACH:
            return
        inside = np.flatnonzero(codes == self._bin)
        missing = EACH - len(self.found)
        picked = inside[np.unique(np.linspace(0, len(inside) - 1, missing).astype(np.int64))] if len(inside) else inside
        label = self.payoff.bins.labels[self._bin]
        for row in rows.take(picked).to_pylist():
            told = {name: _readable(row[feature_column(name)]) for name in named if feature_column(name) in row}
            answer = _readable(row.get("score"))
            self.found.append(Example(row["prediction_id"], row["id"], self.payoff.name, label, answer, told))

    def _codes(self, rows: pa.Table) -> Codes | None:
        """(n,) bin of every row; None where the table cannot tell."""
        values = [_values(rows, column) for column in self.columns]
        known = [one for one in values if one is not None]
        if len(known) < len(values):
            return None
        pair = self.payoff.pair
        return assign(self.payoff.bins, known[0]) if pair is None else pair.place(known[0], known[1])


class Search:
    """Looks for the rows of one alarm in whatever tables it is given."""

    def __init__(self, reference: Reference, windows: Sequence[tuple[int, Counts]], alarm: Alarm) -> None:
        """windows: starts and counts that the alarm was made of."""
        self._alarm = alarm
        together = total(reference, [counts for start, counts in windows if start >= alarm.since])
        tables = dict(zip((payoff.name for payoff in reference.payoffs), together.of_payoffs(reference), strict=True))
        payoffs = {payoff.name: payoff for payoff in as_seen(reference, together).payoffs}
        self._wanted = [
            _wanted(reference, payoffs[moved.payoff], grown(payoffs[moved.payoff], tables[moved.payoff]))
            for moved in alarm.moved[:PAYOFFS]
        ]
        moved_features = [moved.payoff for moved in alarm.moved if moved.origin == "feature"]
        named = [*(name for one in self._wanted for name in one.features), *moved_features]
        self.features = list(dict.fromkeys(named))[:VALUES]

    @property
    def columns(self) -> set[str]:
        """Of a table of predictions: where what it looks at stands."""
        return {"score", *map(feature_column, self.features), *(name for one in self._wanted for name in one.columns)}

    @property
    def done(self) -> bool:
        """Whether nothing is missing any more."""
        return all(len(one.found) >= EACH for one in self._wanted)

    @property
    def found(self) -> tuple[Example, ...]:
        """What was found so far, the strongest payoff's first."""
        return tuple(example for one in self._wanted for example in one.found)

    def take(self, rows: pa.Table) -> None:
        """Look through rows as `stored.newest_rows` gives them."""
        if self.done:
            return
        of_alarm = _of_alarm(rows, self._alarm)
        for one in self._wanted:
            one.take(of_alarm, self.features)


def _found(
    location: Path, reference: Reference, windows: Sequence[tuple[int, Counts]], alarm: Alarm
) -> tuple[Example, ...]:
    search = Search(reference, windows, alarm)
    for rows in newest_rows(location, search.columns, LOOKED_THROUGH, Span(alarm.since, alarm.event_time)):
        search.take(rows)
        if search.done:
            break
    return search.found


def _wanted(reference: Reference, payoff: Payoff, bin_: int) -> _Wanted:
    if payoff.pair is not None:
        sides = (payoff.pair.one, payoff.pair.other)
        return _Wanted(payoff, bin_, [reference.features[side.column] for side in sides])
    return _Wanted(payoff, bin_, [payoff.name] if payoff.origin == "feature" else [])


def _of_alarm(rows: pa.Table, alarm: Alarm) -> pa.Table:
    window = rows["window"].to_numpy()
    mask = (rows["release"].to_numpy() == alarm.release) & (window >= alarm.since) & (window < alarm.event_time)
    return rows.take(np.flatnonzero(mask))


def _values(rows: pa.Table, column: str) -> NDArray[np.generic] | None:
    """A column as bins take it; None where the table has none, or of a type that no feature has."""
    kind = type_of(rows.schema.field(column).type) if column in rows.column_names else None
    if kind is None:
        return None
    [values] = from_arrow(rows.select([column]), [Feature(name=column, type=kind, nullable=True)])
    return values


def _readable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
