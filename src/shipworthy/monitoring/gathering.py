"""Evidence that one payoff has drifted: a pure function of the reference and of its windows, in order.

Alert tier: Shiryaev-Roberts sums M_t = L_t (M_{t-1} + 1), averaged over experts and then over witnesses. While there is
no drift M_t - t tends downwards: the mean time until M reaches 1/alpha is at least 1/alpha windows (Shin, Ramdas and
Rinaldo, arXiv 2203.03532). An expert that does not bet adds 0 instead of 1, else its sum would grow like t and an alarm
at t = 1/alpha be certain.
Retraining tier: products W_t of all L, never restarted; they reach 1/alpha ever with a chance of at most alpha (Ville).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.reference import Regime
from shipworthy.monitoring import radius
from shipworthy.monitoring.radius import Bound, Radius
from shipworthy.monitoring.witnesses.fixed import Fixed, cells, half_lines, intervals
from shipworthy.monitoring.witnesses.learned import Learned
from shipworthy.monitoring.witnesses.likelihood import Likelihood
from shipworthy.monitoring.witnesses.wager import Floats, Witness

Table = NDArray[np.int64]  # counts: (bins,), or (groups of slots, bins)

_CAP = 30.0  # log of the largest sum kept: a drift that is over can be seen to be over
FEWEST_ORDERED = 3  # bins in value order below which intervals say no more than cells


class Reading(msgspec.Struct, frozen=True):
    """Evidence after a window."""

    log_sum: float  # log M: the alert tier
    log_product: float  # log W: the retraining tier
    distance: float  # total variation between the window and the reference
    since: int  # index of the window from which on the strongest expert has been winning


class Evidence:
    """Evidence against one payoff, growing by a window a call."""

    def __init__(self, reference: Sequence[int] | Table, ordered: int, regime: Regime) -> None:
        """reference: counts, (bins,) or (groups of slots, bins); ordered: how many leading bins lie in value order."""
        counts = np.atleast_2d(np.asarray(reference, dtype=np.float64))
        rows = counts.sum(axis=1)
        whole = counts.sum(axis=0) / rows.sum()
        self._shares: Floats = np.where(rows[:, None] > 0, counts / np.maximum(rows, 1.0)[:, None], whole)
        self._families = [_Fortunes(witness) for witness in _witnesses(self._shares, rows, ordered, regime)]
        self._burst = regime.burst if regime.bets == "row" else 1.0
        self._windows = 0

    def add(self, counts: Table, *, weigh: bool = True) -> Reading:
        """The evidence after one more window of counts, shaped as the reference's. Time does not pass without rows.

        Without `weigh` the window is looked at, and nothing is bet on it or learned from it.

        Where rows come in bursts of at most m, L^(1/m) is taken: its expectation is at most 1 however the rows of a
        burst depend on each other (Hoelder), and its logarithm is that of counts divided by m.
        """
        seen = np.atleast_2d(counts).astype(np.float64)
        held: Floats = seen.sum(axis=1)
        rows = held.sum()
        distance = 0.0
        if rows:
            expected = held @ self._shares / rows
            distance = float(np.abs(seen.sum(axis=0) / rows - expected).sum() / 2)
            for family in self._families if weigh else ():
                family.add(seen / self._burst, self._windows)
        self._windows += 1
        strongest = max(self._families, key=lambda family: family.log_sum)
        return Reading(
            float(_log_mean([family.log_sum for family in self._families])),
            float(_log_mean([family.log_product for family in self._families])),
            distance,
            strongest.since,
        )

    def reaches(self, counts: Table, log_limit: float) -> bool:
        """Whether the sum reaches a limit after one more window; nothing else is kept, which takes half of the time."""
        seen = np.atleast_2d(counts).astype(np.float64)
        if seen.any():
            for family in self._families:
                family.add_sums(seen / self._burst)
        return float(_log_mean([family.log_sum for family in self._families])) >= log_limit


def follow(reference: Sequence[int] | Table, ordered: int, regime: Regime, windows: Iterable[Table]) -> list[Reading]:
    """The evidence after each of the windows."""
    evidence = Evidence(reference, ordered, regime)
    return [evidence.add(counts) for counts in windows]


class _Fortunes:
    """What the experts of one witness have won."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._sums = np.full(witness.experts, -np.inf)
        self._products = np.zeros(witness.experts)
        self._runs = np.zeros(witness.experts)  # log of the best product that ends here (CUSUM)
        self._since = np.zeros(witness.experts, dtype=np.int64)  # where that begins

    def add(self, counts: Floats, index: int) -> None:
        log_l = self.add_sums(counts)
        self._products = self._products + log_l
        self._since = np.where(self._runs <= 0, index, self._since)
        self._runs = np.maximum(self._runs, 0.0) + log_l

    def add_sums(self, counts: Floats) -> Floats:
        log_l, betting = self._witness.bet(counts)
        log_l = np.where(betting, log_l, 0.0)
        self._sums = np.minimum(log_l + np.logaddexp(self._sums, np.where(betting, 0.0, -np.inf)), _CAP)
        self._witness.learn(counts)
        return log_l

    @property
    def log_sum(self) -> float:
        return _log_mean(self._sums)

    @property
    def log_product(self) -> float:
        return _log_mean(self._products)

    @property
    def since(self) -> int:
        return int(self._since[np.argmax(self._sums)])


def _witnesses(shares: Floats, rows: Floats, ordered: int, regime: Regime) -> list[Witness]:
    """Learned sets, the clipped ratio, cells, and runs of ordered bins, each with the radius that it needs.

    Half-lines are few and need the smallest radius, so that a shift to one side is found soonest. Row by row evidence
    is strong enough to pay for a bet on every interval, too; a window that counts once is not. shares: (groups, bins);
    rows: (groups,).
    """
    bins, bets = shares.shape[1], regime.bets
    both = max(regime.cells_clustering, regime.runs_clustering)

    def within(clustering: float, bound: Bound) -> Radius:
        return Radius(regime.drift, rows, clustering, bound)

    any_set = within(both, partial(radius.of_any_set, bins))
    found: list[Witness] = [
        Learned(shares, any_set, bets),
        Likelihood(shares, any_set, bets),
        Fixed(cells(bins), shares, within(regime.cells_clustering, partial(radius.of_cells, bins)), bets),
    ]
    if ordered >= FEWEST_ORDERED:
        sided = within(regime.runs_clustering, radius.of_half_lines)
        found.append(Fixed(half_lines(ordered, bins), shares, sided, bets))
    if ordered >= FEWEST_ORDERED and bets == "row":
        runs = within(regime.runs_clustering, radius.of_intervals)
        found.append(Fixed(intervals(ordered, bins), shares, runs, bets))
    return found


def _log_mean(logs: Sequence[float] | Floats) -> float:
    values = np.asarray(logs)
    largest = values.max()
    if largest == -np.inf:
        return float("-inf")
    return float(largest + np.log(np.exp(values - largest).sum() / values.size))
