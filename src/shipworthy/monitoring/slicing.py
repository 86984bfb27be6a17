"""Which rows make a slice: those that have one value of a feature, the heaviest values alone and the rest together.

Pure.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.bins import Bins
from shipworthy.monitoring.performance import Promised

MOST = 10  # values of a feature that are a slice of their own
OTHER = "other values"


class Slice(msgspec.Struct, frozen=True):
    """One slice of the rows held out."""

    feature: str
    column: int  # of the coded features
    value: str
    codes: tuple[int, ...]  # the bins that it is made of
    promised: Promised | None  # the metric on such rows held out


def cut(cells: Bins, codes: NDArray[np.generic]) -> list[tuple[str, tuple[int, ...]]]:
    """Names of a feature's slices, and the bins of each, by the rows held out (n,): the heaviest first, OTHER last.

    Values that were never seen are in OTHER; null is a slice where there is any.
    """
    rows = np.bincount(codes.astype(np.int64), minlength=cells.size)
    gathered = {len(cells.values), len(cells.values) + 1} if cells.kind == "category" else set()
    own = [index for index in range(cells.size - 1) if rows[index] and index not in gathered]
    heaviest = sorted(own, key=lambda index: (-rows[index], index))[:MOST]
    null = [cells.size - 1] if rows[-1] else []
    rest = tuple(index for index in range(cells.size) if index not in {*heaviest, *null})
    named: list[tuple[str, tuple[int, ...]]] = [(cells.labels[index], (index,)) for index in (*heaviest, *null)]
    return [*named, (OTHER, rest)] if rest else named


def members(one: Slice, codes: NDArray[np.generic]) -> NDArray[np.bool_]:
    """(n,) whether a row is in the slice, from the bins of the coded features (n, c)."""
    return np.isin(codes[:, one.column], one.codes)
