"""How far a reference of M rows may lie from the distribution that it was drawn from, except with a chance of CHANCE.

Added to the drift that the contract allows: else evidence would grow out of the reference's own sampling error, and a
test against the frozen reference alone would, in the long run, always alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

Bound = Callable[[float], float]  # of independent rows

CHANCE = 0.01  # that a bound below does not hold, for one payoff
_KUIPER = 2.001  # 99% point of Kuiper's statistic times sqrt(M), in the limit (Stephens, 1970)


class Radius:
    """Drift that is allowed, and the reference's own error in what a window is compared with.

    Where rows are told apart by groups that is the mean of the groups' shares, weighed as the window's rows are: a row
    of the reference in group h changes it by at most w_h / M_h, so that (McDiarmid) the reference is worth as many
    rows as 1 / sum_h (w_h^2 / M_h): M_h for a window in one group, all of them for one that is spread as it is.
    """

    def __init__(self, drift: float, rows: NDArray[np.float64], clustering: float, bound: Bound) -> None:
        """rows: (groups,) of the reference; clustering: how many of them tell as much as one independent row."""
        self._drift, self._rows, self._clustering, self._bound = drift, np.maximum(rows, 1.0), clustering, bound

    def of(self, held: NDArray[np.float64]) -> float:
        """The radius for a window that holds so many rows of each group, (groups,)."""
        weights = held / held.sum()
        worth = 1.0 / float((weights**2 / self._rows).sum())
        return self._drift + self._bound(worth / self._clustering)


def of_any_set(bins: int, rows: float) -> float:
    """Total variation over `bins` cells: its expectation, and McDiarmid's bound on how far it exceeds that."""
    return 0.5 * sqrt((bins - 1) / rows) + sqrt(log(1 / CHANCE) / (2 * rows))


def of_half_lines(rows: float) -> float:
    """Any half-line (Dvoretzky, Kiefer, Wolfowitz; Massart's constant)."""
    return sqrt(log(2 / CHANCE) / (2 * rows))


def of_intervals(rows: float) -> float:
    """Any interval and its complement (Kuiper)."""
    return _KUIPER / sqrt(rows)


def of_cells(bins: int, rows: float) -> float:
    """Any single cell and its complement (Hoeffding for each, and the union of them)."""
    return sqrt(log(2 * bins / CHANCE) / (2 * rows))
