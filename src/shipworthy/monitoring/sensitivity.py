"""How small a shift a way of counting can see at all: drift that is allowed, and the reference's own error. Pure."""

from __future__ import annotations

import numpy as np

from shipworthy.counts.reference import Payoff, Regime
from shipworthy.counts.slots import CYCLE
from shipworthy.monitoring import radius
from shipworthy.monitoring.gathering import FEWEST_ORDERED


def least_shift(payoff: Payoff, regime: Regime, window: int) -> float:
    """The share of rows that has to move before any bet can win in the long run; 1 or more: none ever can.

    Moves between bins that hold much are meant; a bin that the reference held little of shows less than that.
    window: ns. Where windows are shorter than the season it is that of a middling group of slots.
    """
    bins, rows = payoff.bins.size, _worth(payoff, regime, window)
    for_cells, for_runs = rows / regime.cells_clustering, rows / regime.runs_clustering
    found = [radius.of_any_set(bins, min(for_cells, for_runs)), radius.of_cells(bins, for_cells)]
    if payoff.bins.ordered >= FEWEST_ORDERED:
        found.append(radius.of_half_lines(for_runs))
    return regime.drift + min(found)


def _worth(payoff: Payoff, regime: Regime, window: int) -> float:
    """Rows of the reference that a window is held against."""
    if not payoff.by_group or regime.season is None or window >= CYCLE.get(regime.season, 0):
        return payoff.rows
    rows = np.array([sum(group) for group in payoff.by_group], dtype=np.float64)
    return float((rows**2).sum() / rows.sum())
