"""How far the answers of two releases to the same rows lie apart: counts that add up, in whatever order. Pure.

Differences of scores are counted by size, PARTS bins to a power of ten, with their sign: bin 0 is equality, bin b the
sizes from 10**((b - 1) / PARTS) to 10**(b / PARTS) times SMALLEST. So a quantile is known to within a quarter, on any
scale, and sums of counts are exact.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

PARTS = 10
SMALLEST = 1e-12
LARGEST = 30 * PARTS  # the last bin takes all that is larger


class Comparison(msgspec.Struct, frozen=True):
    """Counts of rows that both were asked."""

    rows: int = 0  # that the live release answered
    answered: int = 0  # by the shadow, too
    refused: int = 0  # by the shadow's contract
    failed: int = 0  # where the shadow raised, or said what is no answer
    differing: int = 0  # another class; of a regression, apart by more than the gate's tolerance
    apart: dict[int, int] = {}  # bin of shadow's score - live score -> rows
    ns: int = 0  # that the shadow took to predict
    error: str = ""  # the first one


def compared(
    live: NDArray[np.float64], shadow: NDArray[np.float64], differing: NDArray[np.bool_], *, ns: int
) -> Comparison:
    """Of n rows that both answered: scores (n,) each, and whether the answers differ (n,)."""
    bins, rows = np.unique(_bins(shadow - live), return_counts=True)
    apart = dict(zip(bins.tolist(), rows.tolist(), strict=True))
    return Comparison(rows=len(live), answered=len(live), differing=int(differing.sum()), apart=apart, ns=ns)


def add(a: Comparison, b: Comparison) -> Comparison:
    """Both together."""
    apart = {level: a.apart.get(level, 0) + b.apart.get(level, 0) for level in sorted({*a.apart, *b.apart})}
    return Comparison(
        rows=a.rows + b.rows,
        answered=a.answered + b.answered,
        refused=a.refused + b.refused,
        failed=a.failed + b.failed,
        differing=a.differing + b.differing,
        apart=apart,
        ns=a.ns + b.ns,
        error=min((each.error for each in (a, b) if each.error), default=""),
    )


def quantile(comparison: Comparison, share: float) -> float:
    """The size of difference that so large a share of rows does not exceed, rounded up to its bin's end; 0: equal."""
    sizes: dict[int, int] = {}
    for level, rows in comparison.apart.items():
        sizes[abs(level)] = sizes.get(abs(level), 0) + rows
    left = share * sum(sizes.values())
    for level in sorted(sizes):
        left -= sizes[level]
        if left <= 0:
            return _end(level)
    return 0.0


def encode(comparison: Comparison) -> bytes:
    """As the ledger keeps it."""
    return msgspec.msgpack.encode(comparison)


def decode(content: bytes) -> Comparison:
    """As the ledger kept it."""
    return msgspec.msgpack.decode(content, type=Comparison)


def _bins(differences: NDArray[np.float64]) -> NDArray[np.int64]:
    sizes = np.abs(differences)
    with np.errstate(divide="ignore"):
        levels = np.ceil(np.log10(sizes / SMALLEST) * PARTS)
    levels = np.clip(np.where(sizes > 0, levels, 0), np.where(sizes > 0, 1, 0), LARGEST)
    bins: NDArray[np.int64] = (np.sign(differences) * levels).astype(np.int64)
    return bins


def _end(level: int) -> float:
    return SMALLEST * 10 ** (level / PARTS) if level else 0.0
