"""How many rows of a reference tell as much as one independent row: the design effect of rows that come in clusters.

All flights of an hour share the weather, and today's is like yesterday's: ninety days of it are a sample of a dozen
spells, however many rows there are. A radius for that many rows would take the luck of one winter for the climate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.witnesses.wager import Floats

STRETCHES = 6  # of the reference, each long enough to hold spells whole
_CAUTION = 1.5  # six stretches give a variance to about a third of itself


def design_effect(windows: NDArray[np.int64], sets: Floats, parts: int = STRETCHES) -> float:
    """Variance of the sets' shares between parts of the time, over that of independent rows; at least 1.

    windows: (windows, bins) counts in the order of time, or (windows, groups of slots, bins): then of what the shares
    differ from those of the groups; sets: (sets, bins) of 0 and 1. By the method of batch means, pooled over the sets,
    because each of them alone is too noisy.
    """
    grouped = windows if windows.ndim == 3 else windows[:, None, :]
    summed = [part.sum(axis=0) for part in np.array_split(grouped, parts)]
    held = np.array([counts for counts in summed if counts.sum()], dtype=np.float64)
    if len(held) < 2:  # nothing to compare
        return 1.0
    by_group = held.sum(axis=2)
    rows = by_group.sum(axis=1)
    whole = held.sum(axis=0)
    shares = (whole / np.maximum(whole.sum(axis=1), 1.0)[:, None]) @ sets.T
    weights = whole.sum(axis=1) / rows.sum()
    independent = float((weights[:, None] * shares * (1 - shares)).sum())
    if independent <= 0:
        return 1.0
    moved = (held.sum(axis=1) @ sets.T - by_group @ shares) / rows[:, None]
    between = float((rows[:, None] * moved**2).sum() / (len(held) - 1))
    return max(1.0, round(_CAUTION * between / independent, 3))
