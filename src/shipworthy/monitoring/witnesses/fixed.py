"""Sets fixed before any data: half-lines and intervals of ordered bins, single cells; each with its complement.

Sets do not begin with the same fortune. Most drifts move values across a quarter of them or more, so that the few sets
between quarters of the reference have more than the many fine ones between any two bins; heavy cells, whose shares it
takes more rows to judge, have more than light ones, which pay so well that they need less. A drift that only a fine set
shows is found later by the logarithm of a small factor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.radius import Radius
from shipworthy.monitoring.witnesses.wager import Bets, Floats, Sets, staked

_QUARTERS, _EIGHTHS, _ANY = 1.0, 0.5, 0.25  # of the fortune of intervals, for those between such parts
_ANY_HALF_LINE = 0.5


class Fixed:
    """Bets on the same sets in every window; there is nothing to learn."""

    def __init__(self, sets: Floats, reference: Floats, radius: Radius, bets: Bets, weights: Floats) -> None:
        """sets: (sets, bins) of 0 and 1; reference: (groups, bins) shares; weights: (sets,), shared with complements.

        A radius that differs between sets is that of the sets and then of their complements.
        """
        self._sets = Sets(np.concatenate([sets, 1 - sets]), reference, radius, bets)
        self.log_weights = staked(np.concatenate([weights, weights]))

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """See `Witness`."""
        return self._sets.bet(counts)

    def learn(self, counts: Floats) -> None:
        """See `Witness`."""


def half_lines(ordered: int, bins: int) -> Floats:
    """(ordered - 1, bins): the first 1, 2, … of the ordered bins."""
    sets = np.zeros((ordered - 1, bins))
    sets[:, :ordered] = np.tril(np.ones((ordered, ordered)))[:-1]
    return sets


def of_half_lines(ordered: int, shares: Floats) -> Floats:
    """(ordered - 1,) weights: two thirds are of those that end at a quarter of the ordered shares. shares: (bins,)."""
    ends = np.arange(1, ordered)
    return _levels([(1.0, np.isin(ends, _cuts(shares[:ordered], 4))), (_ANY_HALF_LINE, np.ones(len(ends), dtype=bool))])


def intervals(ordered: int, bins: int) -> Floats:
    """(intervals, bins): every run of ordered bins but the whole of them."""
    runs = _runs(ordered)
    sets = np.zeros((len(runs), bins))
    for row, (first, last) in zip(sets, runs, strict=True):
        row[first : last + 1] = 1
    return sets


def of_intervals(ordered: int, shares: Floats) -> Floats:
    """(intervals,) weights: more to those between quarters and eighths of the ordered shares. shares: (bins,)."""
    runs = np.array(_runs(ordered))
    begins, ends = runs[:, 0], runs[:, 1] + 1
    between = [
        np.isin(begins, cuts) & np.isin(ends, cuts) for cuts in (_cuts(shares[:ordered], parts) for parts in (4, 8))
    ]
    return _levels([(_QUARTERS, between[0]), (_EIGHTHS, between[1]), (_ANY, np.ones(len(runs), dtype=bool))])


def cells(bins: int) -> Floats:
    """(bins, bins): each bin alone."""
    return np.eye(bins)


def of_cells(shares: Floats) -> Floats:
    """(bins,) weights: half of them alike, half by how much the share of a row varies. shares: (bins,)."""
    variety = shares * (1 - shares)
    alike = np.full(len(shares), 1 / len(shares))
    return (alike + variety / variety.sum()) / 2 if variety.any() else alike


def _runs(ordered: int) -> list[tuple[int, int]]:
    """First and last bin of every interval."""
    return [(i, j) for i in range(ordered) for j in range(i, ordered) if j - i < ordered - 1]


def _cuts(shares: Floats, parts: int) -> NDArray[np.intp]:
    """How many of the leading bins come nearest to holding each of 1/parts, 2/parts, … of the rows."""
    if not shares.sum():
        return np.empty(0, dtype=np.intp)
    below = np.cumsum(shares)[:-1] / shares.sum()
    wanted = np.arange(1, parts) / parts
    return np.unique(np.abs(below[:, None] - wanted).argmin(axis=0)) + 1


def _levels(levels: list[tuple[float, NDArray[np.bool_]]]) -> Floats:
    """Weights of which each level's members share alike what the level has; a level without members has nothing."""
    found = np.zeros(len(levels[0][1]))
    for weight, members in levels:
        if members.any():
            found[members] += weight / members.sum()
    found /= found.sum()
    return found
