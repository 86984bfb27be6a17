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


def design_effect(windows: NDArray[np.int64], sets: Floats) -> float:
    """Variance of the sets' shares between stretches of time, over that of independent rows; at least 1.

    windows: (windows, bins) counts in the order of time; sets: (sets, bins) of 0 and 1. By the method of batch means,
    pooled over the sets, because each of them alone is too noisy.
    """
    stretches = [stretch.sum(axis=0) for stretch in np.array_split(windows, STRETCHES)]
    held = np.array([counts for counts in stretches if counts.sum()], dtype=np.float64)
    if len(held) < 2:  # nothing to compare
        return 1.0
    rows = held.sum(axis=1)
    shares = held @ sets.T / rows[:, None]
    whole = (held.sum(axis=0) / rows.sum()) @ sets.T
    independent = float((whole * (1 - whole)).sum())
    if independent <= 0:
        return 1.0
    between = float((rows[:, None] * (shares - whole) ** 2).sum() / (len(held) - 1))
    return max(1.0, round(_CAUTION * between / independent, 3))
