"""The shadow: what another release would have answered, to every row that the live one answered, exactly once.

It follows the prediction log, as the recorder does, in a process of its own: no request waits for it, and none can fail
by it. Its answers stand in a Delta table beside the live ones, and their differences are counted by window.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.errors import InUse
from shipworthy.models.records import BundleDescription, Columns
from shipworthy.predictions.columns import predictions
from shipworthy.predictions.format import Header
from shipworthy.predictions.frames import Frame, frame
from shipworthy.predictions.reader import Record, Segment
from shipworthy.recording import batches
from shipworthy.recording.batches import Batch
from shipworthy.recording.comparison import Comparison, add, compared
from shipworthy.recording.following import LEASE, Follower
from shipworthy.recording.recorder import RETAIN_EVERY, SMALL_FILES, rules_of
from shipworthy.recording.retention import retain
from shipworthy.recording.shadow_table import ShadowTable, scores, shadow_rows
from shipworthy.recording.shadow_windows import add_comparisons
from shipworthy.recording.times import Times, times_of
from shipworthy.recording.translation import translated
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger

MOST_ROWS = 50_000  # of a call

Answer = Callable[[Columns], NDArray[np.float64]]  # (n, k) answers to n rows


@dataclass(frozen=True, slots=True)
class Beside:
    """A release that runs as a shadow."""

    release: int
    since: int  # ns since 1970, UTC: what arrived before is not its
    description: BundleDescription
    tolerance: float  # of the gate: answers of a regression that are as near count as the same
    answer: Answer


def key(release: int) -> Callable[[str], str]:
    """What the batches of a source are called that a shadow has read."""
    return lambda source: f"shadow-{release} {source}"


def shadow_of(layout: Layout, ledger: Ledger, contract: Contract, beside: Beside, *, lease: int = LEASE) -> Follower:
    """Who has a release predict beside the one that answers."""
    model = contract.name
    task = _Shadowing(ledger, contract, beside, ShadowTable(layout.shadow(model, beside.release)))
    return Follower(layout.logs(model), ledger, f"shadow-{beside.release}", rules_of(contract), task, lease=lease)


class _Shadowing:
    """The task: rows predicted again, into Delta; differences into windows."""

    def __init__(self, ledger: Ledger, contract: Contract, beside: Beside, table: ShadowTable) -> None:
        self._ledger, self._contract, self._beside, self._table = ledger, contract, beside, table
        self._model, self._window = contract.name, contract.monitoring.window
        self._retained = 0  # ns since 1970, UTC
        self.key = key(beside.release)

    def begin(self, source: str, known: int) -> None:
        self._table.require_not_ahead(source, known)

    def carry_out(
        self, batch: Batch, header: Header, records: Sequence[Record], still_mine: Callable[[], bool]
    ) -> int | None:
        mine = [record for record in records if record.arrived >= self._beside.since and record.rows]
        found: dict[int, Comparison] = {}
        if mine and header.release != self._beside.release:
            whole = frame(header, mine)
            times, said = times_of(whole), self._said(whole, still_mine)
            if not still_mine():
                raise InUse(f"the lease of {batch.source} ran out before batch {batch.number} was written")
            self._table.append(
                shadow_rows(whole, times, self._window, self._beside.release, self._beside.description.classes, said),
                batch.source,
                batch.number,
            )
            found = self._by_window(whole, times, said)
        with self._ledger.transaction() as connection:
            batches.finish(connection, self._model, batch)
            add_comparisons(connection, self._model, self._beside.release, header.release, batch.source, found)
        return None

    def lost(self, batch: Batch) -> Batch:
        """Held for as long as the contract says, and then removed: what was missed is in the ledger."""
        with self._ledger.transaction() as connection:
            batches.finish(connection, self._model, batch)
        return Batch(batch.source, batch.number, batch.segment, batch.start, batch.end, batch.rows, done=True)

    def held(self, segment: Segment) -> bool:
        return True  # the recorder removes it

    def end(self, segment: Segment) -> None:
        """Nothing is left to do."""

    def round(self, number: int, newest: dict[str, int]) -> None:
        if clock.now() - self._retained > RETAIN_EVERY:
            self._retained = clock.now()
            retain(self._table, f"shadow-{self._beside.release}", self._ledger, self._contract)
        self._table.compact(at_least=SMALL_FILES)

    def _said(self, whole: Frame, still_mine: Callable[[], bool]) -> Said:
        """What the shadow says to n rows, a part at a time, so that the lease is kept meanwhile."""
        asked = translated(whole.header.features, whole.columns, self._beside.description.features)
        answers = np.full((whole.rows, len(self._beside.description.classes) or 1), np.nan)
        errors: list[str | None] = [None] * whole.rows
        rows, ns = np.flatnonzero(asked.kept), 0
        for begin in range(0, len(rows), MOST_ROWS):
            part = slice(begin, begin + MOST_ROWS)
            ns += self._ask([column[part] for column in asked.columns], rows[part], answers, errors)
            if not still_mine():
                raise InUse(f"the lease of shadow {self._beside.release} ran out while it predicted")
        return Said(answers, asked.kept, errors, ns)

    def _ask(
        self, columns: Columns, rows: NDArray[np.int64], answers: NDArray[np.float64], errors: list[str | None]
    ) -> int:
        """Fill in the answers to rows; where they fail together, half by half until the failing one is alone."""
        began = time.perf_counter_ns()
        try:
            values = self._beside.answer(columns)
            if values.shape != (len(rows), answers.shape[1]) or not np.isfinite(values).all():
                raise ValueError(f"answers of shape {values.shape}, or not finite")
            answers[rows] = values
        except Exception as error:
            if len(rows) == 1:
                errors[rows[0]] = f"{type(error).__name__}: {error}"[:500]
            else:
                half = len(rows) // 2
                for part in (slice(None, half), slice(half, None)):
                    self._ask([column[part] for column in columns], rows[part], answers, errors)
        return time.perf_counter_ns() - began

    def _by_window(self, whole: Frame, times: Times, said: Said) -> dict[int, Comparison]:
        windows = times.said - times.said % self._window
        differing = self._differing(whole, said)
        live, shadow = scores(whole.values), scores(said.answers)
        found = {}
        for window in np.unique(windows).tolist():
            rows = windows == window
            both = rows & said.answered
            counts = compared(live[both], shadow[both], differing[both], ns=int(said.ns * rows.sum() / len(rows)))
            refused, failed = int((rows & ~said.kept).sum()), int((rows & said.kept & ~said.answered).sum())
            first = next((said.errors[row] for row in np.flatnonzero(rows) if said.errors[row]), None)
            found[window] = add(
                counts, Comparison(rows=refused + failed, refused=refused, failed=failed, error=first or "")
            )
        return found

    def _differing(self, whole: Frame, said: Said) -> NDArray[np.bool_]:
        classes = self._beside.description.classes
        if not classes or not whole.header.classes:
            distance: NDArray[np.float64] = np.abs(scores(whole.values) - scores(said.answers))
            far: NDArray[np.bool_] = distance > self._beside.tolerance
            return far
        ours = predictions(whole.values, whole.header.classes).to_pylist()
        theirs = predictions(np.nan_to_num(said.answers), classes).to_pylist()
        other: NDArray[np.bool_] = np.array([a != b for a, b in zip(ours, theirs, strict=True)], bool)
        return other


@dataclass(frozen=True, slots=True)
class Said:
    """What a shadow said to n rows."""

    answers: NDArray[np.float64]  # (n, k); NaN where there is none
    kept: NDArray[np.bool_]  # (n,) that its contract lets through
    errors: list[str | None]  # n; why there is no answer to a row that was kept
    ns: int

    @property
    def answered(self) -> NDArray[np.bool_]:
        """(n,) whether there is an answer."""
        whole: NDArray[np.bool_] = np.isfinite(self.answers).min(axis=1)
        return whole
