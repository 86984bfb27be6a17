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
    found = _residuals(windows, sets, parts)
    if found is None:  # nothing to compare
        return 1.0
    moved, independent = found
    between = float((moved**2).sum() / (len(moved) - 1))
    return max(1.0, round(_CAUTION * between / independent, 3))


def persistence(windows: NDArray[np.int64], sets: Floats) -> float:
    """Correlation of what the sets' shares are in a window with what they were in the one before, over all sets."""
    found = _residuals(windows, sets, len(windows))
    if found is None:
        return 0.0
    moved, _ = found
    whole = float((moved**2).sum())
    return float((moved[1:] * moved[:-1]).sum()) / whole if whole else 0.0


def _residuals(windows: NDArray[np.int64], sets: Floats, parts: int) -> tuple[Floats, float] | None:
    """(parts, sets) by how much the parts' shares differ from the groups', times the root of the parts' rows; and what
    the square of that would be for independent rows, all sets together. None where there is nothing to compare.
    """
    grouped = windows if windows.ndim == 3 else windows[:, None, :]
    summed = [part.sum(axis=0) for part in np.array_split(grouped, parts)]
    held = np.array([counts for counts in summed if counts.sum()], dtype=np.float64)
    if len(held) < 2:
        return None
    by_group = held.sum(axis=2)
    rows = by_group.sum(axis=1)
    whole = held.sum(axis=0)
    shares = (whole / np.maximum(whole.sum(axis=1), 1.0)[:, None]) @ sets.T
    weights = whole.sum(axis=1) / rows.sum()
    independent = float((weights[:, None] * shares * (1 - shares)).sum())
    if independent <= 0:
        return None
    moved = (held.sum(axis=1) @ sets.T - by_group @ shares) / np.sqrt(rows)[:, None]
    return moved, independent
