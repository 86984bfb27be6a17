"""Sets fixed before any data: half-lines and intervals of ordered bins, single cells; each with its complement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.radius import Radius
from shipworthy.monitoring.witnesses.wager import STAKES, Bets, Floats, Sets


class Fixed:
    """Bets on the same sets in every window; there is nothing to learn."""

    def __init__(self, sets: Floats, reference: Floats, radius: Radius, bets: Bets) -> None:
        self._sets = Sets(np.concatenate([sets, 1 - sets]), reference, radius, bets)
        self.experts = 2 * len(sets) * len(STAKES)

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


def intervals(ordered: int, bins: int) -> Floats:
    """(intervals, bins): every run of ordered bins but the whole of them."""
    runs = [(i, j) for i in range(ordered) for j in range(i, ordered) if j - i < ordered - 1]
    sets = np.zeros((len(runs), bins))
    for row, (first, last) in zip(sets, runs, strict=True):
        row[first : last + 1] = 1
    return sets


def cells(bins: int) -> Floats:
    """(bins, bins): each bin alone."""
    return np.eye(bins)
