"""Evidence that one payoff has drifted: a pure function of the reference and of its windows, in order.

Alert tier: Shiryaev-Roberts sums M_t = L_t (M_{t-1} + 1), averaged over experts and then over witnesses. While there is
no drift M_t - t tends downwards: the mean time until M reaches 1/alpha is at least 1/alpha windows (Shin, Ramdas and
Rinaldo, arXiv 2203.03532). An expert that does not bet adds 0 instead of 1, else its sum would grow like t and an alarm
at t = 1/alpha be certain.
Retraining tier: products W_t of all L, never restarted; they reach 1/alpha ever with a chance of at most alpha (Ville).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.reference import Regime
from shipworthy.monitoring import radius
from shipworthy.monitoring.witnesses.fixed import Fixed, cells, half_lines, intervals
from shipworthy.monitoring.witnesses.learned import Learned
from shipworthy.monitoring.witnesses.likelihood import Likelihood
from shipworthy.monitoring.witnesses.wager import Floats, Witness

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

    def __init__(self, reference: Sequence[int], ordered: int, regime: Regime) -> None:
        """reference: counts, (bins,); ordered: how many of the leading bins lie in value order."""
        counts = np.asarray(reference, dtype=np.float64)
        self._shares: Floats = counts / counts.sum()
        self._families = [
            _Fortunes(witness) for witness in _witnesses(self._shares, int(counts.sum()), ordered, regime)
        ]
        self._windows = 0

    def add(self, counts: NDArray[np.int64]) -> Reading:
        """The evidence after one more window of counts, (bins,). Time does not pass in a window without rows."""
        rows = counts.sum()
        distance = 0.0
        if rows:
            seen = counts.astype(np.float64)
            distance = float(np.abs(seen / rows - self._shares).sum() / 2)
            for family in self._families:
                family.add(seen, self._windows)
        self._windows += 1
        strongest = max(self._families, key=lambda family: family.log_sum)
        return Reading(
            float(_log_mean([family.log_sum for family in self._families])),
            float(_log_mean([family.log_product for family in self._families])),
            distance,
            strongest.since,
        )


def follow(
    reference: Sequence[int], ordered: int, regime: Regime, windows: Iterable[NDArray[np.int64]]
) -> list[Reading]:
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
        log_l, betting = self._witness.bet(counts)
        log_l = np.where(betting, log_l, 0.0)
        stake = np.where(betting, 0.0, -np.inf)
        self._sums = np.minimum(log_l + np.logaddexp(self._sums, stake), _CAP)
        self._products = self._products + log_l
        self._since = np.where(self._runs <= 0, index, self._since)
        self._runs = np.maximum(self._runs, 0.0) + log_l
        self._witness.learn(counts)

    @property
    def log_sum(self) -> float:
        return _log_mean(self._sums)

    @property
    def log_product(self) -> float:
        return _log_mean(self._products)

    @property
    def since(self) -> int:
        return int(self._since[np.argmax(self._sums)])


def _witnesses(shares: Floats, rows: int, ordered: int, regime: Regime) -> list[Witness]:
    """Learned sets, the clipped ratio, cells, and runs of ordered bins, each with the radius that it needs.

    Row by row evidence is strong enough to pay for a bet on every interval; a window that counts once is not, and bets
    on half-lines.
    """
    bins, drift, bets = len(shares), regime.drift, regime.bets
    for_cells, for_runs = rows / regime.cells_clustering, rows / regime.runs_clustering
    any_set = drift + radius.of_any_set(bins, min(for_cells, for_runs))
    found: list[Witness] = [
        Learned(shares, any_set, bets),
        Likelihood(shares, any_set, bets),
        Fixed(cells(bins), shares, drift + radius.of_cells(bins, for_cells), bets),
    ]
    if ordered >= FEWEST_ORDERED and bets == "row":
        found.append(Fixed(intervals(ordered, bins), shares, drift + radius.of_intervals(for_runs), bets))
    elif ordered >= FEWEST_ORDERED:
        found.append(Fixed(half_lines(ordered, bins), shares, drift + radius.of_half_lines(for_runs), bets))
    return found


def _log_mean(logs: Sequence[float] | Floats) -> float:
    values = np.asarray(logs)
    largest = values.max()
    if largest == -np.inf:
        return float("-inf")
    return float(largest + np.log(np.exp(values - largest).mean()))
