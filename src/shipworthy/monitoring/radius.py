"""How far a reference of M rows may lie from the distribution that it was drawn from, except with a chance of CHANCE.

Added to the drift that the contract allows: else evidence would grow out of the reference's own sampling error, and a
test against the frozen reference alone would, in the long run, always alarm.
"""

from __future__ import annotations

from math import log, sqrt

CHANCE = 0.01  # that a bound below does not hold, for one payoff
_KUIPER = 2.001  # 99% point of Kuiper's statistic times sqrt(M), in the limit (Stephens, 1970)


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
