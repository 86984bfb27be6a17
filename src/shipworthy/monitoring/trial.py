"""A payoff's reference on trial: it is cut into stretches of time, and each is watched as if it were production."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import count
from math import exp, inf, log, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Monitoring
from shipworthy.counts.packing import unpack
from shipworthy.counts.reference import Payoff, Reference, Regime, Sample
from shipworthy.counts.slots import Season, Slots
from shipworthy.monitoring.clustering import STRETCHES, design_effect, persistence
from shipworthy.monitoring.gathering import FEWEST_ORDERED, Evidence
from shipworthy.monitoring.pooling import groups_of, of_hours_of_the_week, pooled
from shipworthy.monitoring.promise import chance_a_window
from shipworthy.monitoring.witnesses.fixed import cells, half_lines

_STEPS = 100  # drift is raised in hundredths
_WORTH = 10  # independent rows that a window has to be worth before its bursts are bet on one by one
_LITTLE = 0.5  # of a payoff's variety that its slots have to leave, to be watched by them first
_CLUSTERED = 10.0  # design effect of windows from which on rows are not trusted one by one
_LASTING = 2.5  # times as large as between windows the design effect between stretches may be, else spells outlast them


class Trial:
    """One payoff, its rows pooled or told apart by groups of slots."""

    def __init__(self, reference: Reference, payoff: Payoff, monitoring: Monitoring, season: Season | None) -> None:
        """season: whose slots; None: all rows are pooled."""
        self.season, sample, slots = season, reference.sample(payoff), reference.slots
        self.groups = () if season is None or slots is None else groups_of_sample(payoff, sample, season, slots)
        self._limit, self.drift = log(1 / chance_a_window(monitoring)), monitoring.drift
        windows = np.array(payoff.by_window, dtype=np.int64).reshape(-1, payoff.bins.size)
        whole = np.array(payoff.counts, dtype=np.int64)[None, :]
        self.windows, self.whole = windows[:, None, :], whole
        if self.groups:
            self.windows, self.whole = _grouped(payoff, sample, self.groups, len(windows))
        counts = () if not self.groups else tuple(tuple(row) for row in self.whole.tolist())
        self.payoff = msgspec.structs.replace(payoff, by_group=counts)

    @property
    def is_told_by_slot(self) -> bool:
        """Whether the slot says most of it: weekday by days of the week. Then there is little left to watch."""
        if not self.groups:
            return False
        rows = self.whole.sum(axis=1, keepdims=True)
        shares, overall = self.whole / np.maximum(rows, 1), self.whole.sum(axis=0) / rows.sum()
        within = float((rows * shares * (1 - shares)).sum() / rows.sum())
        return within < _LITTLE * float((overall * (1 - overall)).sum())

    def by_row(self) -> Regime:
        """Rows one by one."""
        return self._regime("row")

    def by_burst(self) -> Regime | None:
        """Rows one by one, bursts of them counted as one; None where there are none, or where they outlast windows.

        A level that lasts for days is no burst: to divide by it leaves the days dependent on each other.
        """
        once = self.once_a_window
        lasting = max(once.cells_clustering, once.runs_clustering)
        burst = float(np.ceil(self._between_windows))
        rows = float(np.median(self.windows.sum(axis=(1, 2))))
        outlasting = max(persistence(self.windows, sets) for sets in self._sets()) > 2 / sqrt(len(self.windows))
        if burst < 2 or rows / burst < _WORTH or lasting > _LASTING * burst or outlasting:
            return None
        clustering = max(burst, lasting)
        regime = self._regime("row")
        return msgspec.structs.replace(regime, burst=burst, cells_clustering=clustering, runs_clustering=clustering)

    def clustered(self) -> bool:
        """Whether rows of a window plainly go together: that such a reference is silent is luck, until the next storm.

        A season of a tenth of the rows gives windows that differ by up to five times as much as independent rows.
        """
        return self._between_windows >= _CLUSTERED

    @cached_property
    def once_a_window(self) -> Regime:
        """One bet a window, with the reference's own error as large as its clusters make it."""
        of_cells, *of_runs = (design_effect(self.windows, sets) for sets in self._sets())
        runs = of_runs[0] if of_runs else of_cells
        return msgspec.structs.replace(self._regime("window"), cells_clustering=of_cells, runs_clustering=runs)

    def raised(self, once: Regime) -> Regime:
        """The regime with its own drift, or with the smallest number of hundredths above it that is silent."""

        def allowing(drift: float) -> Regime:
            return msgspec.structs.replace(once, drift=drift)

        if self.silent(once):
            return once
        low, high = int(once.drift * _STEPS), _STEPS  # low is not silent; at 100% no bet is possible, so high is
        while high - low > 1:
            middle = (low + high) // 2
            silent = self.silent(allowing(max(middle / _STEPS, once.drift)))
            low, high = (low, middle) if silent else (middle, high)
        return allowing(high / _STEPS)

    def silent(self, regime: Regime) -> bool:
        """Whether nothing reaches the limit: no stretch against the rest, nor all of it in order against itself.

        The latter again and again, for as long as the promise is about. Evidence that grows by a little from week to
        week, as of nights that are told by the evening before, may outlast a reference of six weeks and be an alarm
        every ten.
        """
        for stretch in np.array_split(self.windows, STRETCHES):
            rest = self.whole - stretch.sum(axis=0)
            if not rest.sum():
                return False
            evidence = Evidence(rest, self.payoff.bins.ordered, regime)
            if any(evidence.sum_after(counts) >= self._limit for counts in stretch):
                return False
        return not self._alarms_in_the_long_run(regime)

    def _alarms_in_the_long_run(self, regime: Regime) -> bool:
        """Whether it would, played until as many windows have passed as lie between two alarms that are promised.

        Evidence that grows does so by about as much in each half of the reference (it is a sum of logarithms), so that
        there is no need to wait for what would come too late.
        """
        evidence = Evidence(self.whole, self.payoff.bins.ordered, regime)
        halves, last, promised = np.array_split(self.windows, 2), inf, exp(self._limit)
        for number in count(1):
            half = halves[(number - 1) % 2]
            highest = max((evidence.sum_after(counts) for counts in half), default=-inf)
            if highest >= self._limit:
                return True
            left = promised / max(1, len(half)) - number
            growth = highest - last if highest > last else 0.0
            if number >= len(halves) and (left <= 0 or highest + growth * left < self._limit):
                return False
            last = highest
        raise AssertionError("the count has no end")

    def _regime(self, bets: str) -> Regime:
        plain = Regime(self.payoff.name, "row" if bets == "row" else "window", self.drift, "")
        return msgspec.structs.replace(plain, season=self.season if self.groups else None, groups=self.groups)

    @cached_property
    def _between_windows(self) -> float:
        """The largest design effect of windows."""
        return max(design_effect(self.windows, sets, len(self.windows)) for sets in self._sets())

    def _sets(self) -> list[NDArray[np.float64]]:
        bins, ordered = self.payoff.bins.size, self.payoff.bins.ordered
        return [cells(bins), half_lines(ordered, bins)] if ordered >= FEWEST_ORDERED else [cells(bins)]


def groups_of_sample(payoff: Payoff, sample: Sample, season: Season, slots: Slots) -> tuple[int, ...]:
    """(slots,) the groups by which a season's thin slots are pooled; () where that is all of them."""
    if not sample.cells:
        return ()
    of_cells = unpack(payoff.by_cell, len(sample.cells), payoff.bins.size).sum(axis=1)
    rows = np.bincount([slot for _, slot in sample.cells], of_cells, slots.size).astype(np.int64)
    if season == slots.season:
        return groups_of(season, rows.tolist())
    by_day = rows.reshape(-1, 24)  # cells are told apart by the hours of the week
    found = groups_of(season, (by_day.sum(axis=0) if season == "hour-of-day" else by_day.sum(axis=1)).tolist())
    return of_hours_of_the_week(found, season) if found else ()


def _grouped(
    payoff: Payoff, sample: Sample, groups: Sequence[int], windows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(windows, groups, bins) counts of the windows that are kept, and (groups, bins) of all rows."""
    table = unpack(payoff.by_cell, len(sample.cells), payoff.bins.size)
    places = np.array([place for place, _ in sample.cells], dtype=np.intp)
    slots = [slot for _, slot in sample.cells]
    of_slots = np.asarray(groups, dtype=np.intp)[np.asarray(slots, dtype=np.intp)]
    found = np.zeros((windows, max(groups) + 1, payoff.bins.size), dtype=np.int64)
    kept = places >= 0
    np.add.at(found, (places[kept], of_slots[kept]), table[kept])
    return found, pooled(table, slots, groups)
