"""How far a reference of M rows may lie from the distribution that it was drawn from, except with a chance of CHANCE.

Added to the drift that the contract allows: else evidence would grow out of the reference's own sampling error, and a
test against the frozen reference alone would, in the long run, always alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bound = Callable[[float], float | Floats]  # of independent rows; (sets,) where sets differ

CHANCE = 0.01  # that a bound below does not hold, for one payoff
_HALVINGS = 40
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
        self._pooled = self._of(self._rows) if len(rows) == 1 else None  # the same for every window

    def of(self, held: NDArray[np.float64]) -> float | Floats:
        """The radius for a window that holds so many rows of each group, (groups,)."""
        return self._of(held) if self._pooled is None else self._pooled

    def _of(self, held: NDArray[np.float64]) -> float | Floats:
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


def of_each_cell(shares: Floats, rows: float) -> Floats:
    """(2 bins,) each cell and each complement, of the reference's own shares, (bins,) (Chernoff, and the union).

    The largest q with rows * kl(share, q) <= log(2 bins / CHANCE): a light cell's share is known much better than that
    of a heavy one. It is of rows that all have the same chance, so it is not for groups of slots.
    """
    p = np.concatenate([shares, 1 - shares])
    limit = log(2 * len(shares) / CHANCE) / rows
    low, high = p.copy(), np.ones_like(p)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beyond = _divergence(p, middle) > limit
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    radius: Floats = high - p
    return radius


def _divergence(p: Floats, q: Floats) -> Floats:
    """Kullback-Leibler divergence of coins, nats; p <= q."""
    with np.errstate(divide="ignore", invalid="ignore"):
        heads = np.where(p > 0, p * np.log(p / q), 0.0)
        tails = np.where(p < 1, (1 - p) * np.log((1 - p) / (1 - q)), 0.0)
    found: Floats = heads + tails
    return found
