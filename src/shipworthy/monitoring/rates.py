"""Evidence that a rate is above the bound that the contract promises: a pure function of closed windows, in order.

A promise has no sampling error, so that there is no reference to be wrong: with x the share of a window and c the
bound,
    L = 1 + l (x - c),  l = stake / c
has expectation at most 1 while the share is at most c on average given the past, however rows of a window depend on
each other; requests of one caller that are refused come together. Shiryaev-Roberts sums over windows gather that, as
for drift. A stake in units of 1/c makes a rate of twice a small bound as plain as one of twice a large one.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from shipworthy.contract.records import Monitoring
from shipworthy.counts.windows import Counts

STAKES = np.array([0.2, 0.4, 0.8])  # in units of 1 / bound; at smaller ones an alarm would take years to be over
BEYOND = 5.0  # above the threshold, log: larger sums are not kept, so that a rate that is low again can be seen to be
RateName = Literal["refused", "flagged", "slow"]
WORDS = {
    "refused": "rows refused because they break the contract",
    "flagged": "rows answered though a value breaks the contract",
    "slow": "requests answered later than serving.p99_ms",
}


class Share(NamedTuple):
    """So many of so many."""

    bad: int
    of: int


class Reading(NamedTuple):
    """Evidence against one bound after a window."""

    name: RateName
    window: Share
    bound: float
    log_sum: float
    since: int  # start of the window from which on it has been growing


def bounds(monitoring: Monitoring) -> dict[RateName, float]:
    """Rates that the contract bounds, by name."""
    known: dict[RateName, float | None] = {
        "refused": monitoring.refused,
        "flagged": monitoring.flagged,
        "slow": monitoring.slow,
    }
    return {name: bound for name, bound in known.items() if bound is not None}


def share(counts: Counts, name: RateName) -> Share:
    """What a window holds of a rate.

    Rows are counted by the feature at fault, and one may be at fault with several: the feature with most is taken,
    which is never more than the rows.
    """
    if name == "slow":
        return Share(counts.slow, counts.requests)
    if name == "flagged":
        return Share(max(counts.violations.values(), default=0), counts.rows)
    refused = max(counts.refused.values(), default=0)
    return Share(refused, counts.rows + refused)


class Rate:
    """Evidence against one bound, growing by a window a call."""

    def __init__(self, bound: float, cap: float) -> None:
        """cap: log of the largest sum that is kept."""
        self._bound, self._cap = bound, cap
        self._stakes = STAKES / bound
        self._sums = np.full(len(STAKES), -np.inf)
        self._runs = np.zeros(len(STAKES))  # log of the best product that ends here
        self._since = np.zeros(len(STAKES), dtype=np.int64)  # start of the window where that begins

    def add(self, start: int, found: Share, weight: float = 1.0) -> None:
        """One more window, or a part of one by `weight` (above 0); one that nothing happened in is none."""
        if not found.of:
            return
        log_l = np.log1p(self._stakes * (found.bad / found.of - self._bound))
        self._sums = np.minimum(log_l + np.logaddexp(self._sums, np.log(weight)), self._cap)
        self._since = np.where(self._runs <= 0, start, self._since)
        self._runs = np.maximum(self._runs, 0.0) + log_l

    @property
    def log_sum(self) -> float:
        """Log of the mean of the sums."""
        return float(np.logaddexp.reduce(self._sums) - np.log(len(STAKES)))

    @property
    def since(self) -> int:
        """Start of the window from which on the strongest sum has been growing."""
        return int(self._since[np.argmax(self._sums)])


class Rates:
    """All rates that a contract bounds."""

    def __init__(self, monitoring: Monitoring, log_threshold: float) -> None:
        self._bounds = bounds(monitoring)
        self._rates = {name: Rate(bound, log_threshold + BEYOND) for name, bound in self._bounds.items()}

    def add(self, start: int, counts: Counts) -> list[Reading]:
        """The evidence after one more window, one a rate."""
        found = []
        for name, rate in self._rates.items():
            window = share(counts, name)
            rate.add(start, window)
            found.append(Reading(name, window, self._bounds[name], rate.log_sum, rate.since))
        return found
