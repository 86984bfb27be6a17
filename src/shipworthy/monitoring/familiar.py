"""Familiar statistics of a window against the reference, for people who know them. Nothing is decided by them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.bins import Bins

_FLOOR = 1e-4  # share that an empty bin counts for in the PSI, which would else be infinite


class Familiar(msgspec.Struct, frozen=True):
    """Statistics of one payoff in one window."""

    stability: float  # PSI
    divergence: float  # Jensen-Shannon distance, base 2: 0 to 1
    steps: float | None  # Kolmogorov-Smirnov distance over the ordered bins
    missing: float  # share
    unseen: float  # share in bins that the reference has nothing in, null left out


def familiar(bins: Bins, reference: Sequence[int], counts: NDArray[np.int64]) -> Familiar:
    """The statistics of counts, (bins,), with at least one row."""
    before = np.asarray(reference, dtype=np.float64)
    p, q = before / before.sum(), counts / counts.sum()
    unseen = (before == 0) & (np.arange(bins.size) < bins.size - 1)
    return Familiar(
        stability=_stability(p, q),
        divergence=_divergence(p, q),
        steps=_steps(before[: bins.ordered], counts[: bins.ordered]) if bins.ordered else None,
        missing=float(q[-1]),
        unseen=float(q[unseen].sum()),
    )


def _stability(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_relative(p, middle) + _relative(q, middle)) / 2)))


def _relative(p: NDArray[np.float64], middle: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence in bits."""
    held = p > 0
    return float((p[held] * np.log2(p[held] / middle[held])).sum())


def _steps(before: NDArray[np.float64], after: NDArray[np.int64]) -> float | None:
    if not before.sum() or not after.sum():
        return None
    return float(np.abs(np.cumsum(before / before.sum()) - np.cumsum(after / after.sum())).max())
