"""Evidence that one payoff has drifted: a pure function of the reference and of its windows, in order.

Alert tier: Shiryaev-Roberts sums M_t = L_t (M_{t-1} + 1), the weighted mean of experts and witnesses. While there is
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
from shipworthy.monitoring.witnesses import fixed
from shipworthy.monitoring.witnesses.fixed import Fixed
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
        weighed = _witnesses(self._shares, whole, rows, ordered, regime)
        self._families = [_Fortunes(witness) for _, witness in weighed]
        self._log_weights: Floats = np.log([weight for weight, _ in weighed]) - np.log(sum(one for one, _ in weighed))
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
            self._log_sum,
            _log_mean([family.log_product for family in self._families], self._log_weights),
            distance,
            strongest.since,
        )

    def sum_after(self, counts: Table) -> float:
        """Log of the sum after one more window of counts; nothing else is kept, which takes half of the time."""
        seen = np.atleast_2d(counts).astype(np.float64)
        if seen.any():
            for family in self._families:
                family.add_sums(seen / self._burst)
        return self._log_sum

    @property
    def _log_sum(self) -> float:
        return _log_mean([family.log_sum for family in self._families], self._log_weights)


def follow(reference: Sequence[int] | Table, ordered: int, regime: Regime, windows: Iterable[Table]) -> list[Reading]:
    """The evidence after each of the windows."""
    evidence = Evidence(reference, ordered, regime)
    return [evidence.add(counts) for counts in windows]


class _Fortunes:
    """What the experts of one witness have won."""

    def __init__(self, witness: Witness) -> None:
        self._witness, experts = witness, len(witness.log_weights)
        self._sums = np.full(experts, -np.inf)
        self._products = np.zeros(experts)
        self._runs = np.zeros(experts)  # log of the best product that ends here (CUSUM)
        self._since = np.zeros(experts, dtype=np.int64)  # where that begins

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
        return _log_mean(self._sums, self._witness.log_weights)

    @property
    def log_product(self) -> float:
        return _log_mean(self._products, self._witness.log_weights)

    @property
    def since(self) -> int:
        return int(self._since[np.argmax(self._sums)])


def _witnesses(
    shares: Floats, whole: Floats, rows: Floats, ordered: int, regime: Regime
) -> list[tuple[float, Witness]]:
    """Learned sets, the clipped ratio, cells, and runs of ordered bins, each with its weight and the radius it needs.

    Half-lines are few and need the smallest radius, so that a shift to one side is found soonest. Row by row evidence
    is strong enough to pay for a bet on every interval, too; a window that counts once is not. Sets that are fixed can
    win in the first window of a drift, and have the larger part for that; what is learned wins from the second on.
    shares: (groups, bins); whole: (bins,) of all rows; rows: (groups,).
    """
    bins, bets = shares.shape[1], regime.bets
    both = max(regime.cells_clustering, regime.runs_clustering)

    def within(clustering: float, bound: Bound) -> Radius:
        return Radius(regime.drift, rows, clustering, bound)

    any_set = within(both, partial(radius.of_any_set, bins))
    each = partial(radius.of_each_cell, whole) if len(rows) == 1 else partial(radius.of_cells, bins)
    of_cells = within(regime.cells_clustering, each)
    found: list[tuple[float, Witness]] = [
        (1.0, Learned(shares, any_set, bets)),
        (1.0, Likelihood(shares, any_set, bets)),
        (1.5, Fixed(fixed.cells(bins), shares, of_cells, bets, fixed.of_cells(whole))),
    ]
    if ordered >= FEWEST_ORDERED:
        sided, weights = within(regime.runs_clustering, radius.of_half_lines), fixed.of_half_lines(ordered, whole)
        found.append((3.0, Fixed(fixed.half_lines(ordered, bins), shares, sided, bets, weights)))
    if ordered >= FEWEST_ORDERED and bets == "row":
        runs, weights = within(regime.runs_clustering, radius.of_intervals), fixed.of_intervals(ordered, whole)
        found.append((3.5, Fixed(fixed.intervals(ordered, bins), shares, runs, bets, weights)))
    return found


def _log_mean(logs: Sequence[float] | Floats, log_weights: Floats) -> float:
    values = np.asarray(logs) + log_weights
    largest = values.max()
    if largest == -np.inf:
        return float("-inf")
    return float(largest + np.log(np.exp(values - largest).sum()))
