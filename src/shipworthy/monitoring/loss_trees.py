"""Small regression trees over bins, as gradient boosting grows them (Friedman, 2001). Pure.

A tree is whole: DEPTH splits above every leaf, each "this column's bin is beyond that one". Null, other and unseen
values are the last bins of a column, so that a split can tell them from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

DEPTH = 6
_RATE = 0.2
_RIDGE = 20.0  # rows of nothing that a leaf is mixed with
_FEWEST = 20  # rows of a leaf
_NONE = 2**31  # no bin is beyond it


class Tree(msgspec.Struct, frozen=True):
    """Split i is above splits 2i + 1 (not beyond) and 2i + 2; below the last are the leaves, from left to right."""

    columns: tuple[int, ...]  # (2^DEPTH - 1,)
    limits: tuple[int, ...]  # the same: the last bin that is not beyond
    leaves: tuple[float, ...]  # (2^DEPTH,)

    def of(self, codes: Codes) -> Floats:
        """(n,) the numbers of rows whose bins are codes, (n, columns)."""
        columns, limits = np.array(self.columns), np.array(self.limits)
        node, rows = np.zeros(len(codes), dtype=np.int64), np.arange(len(codes))
        for _ in range(DEPTH):
            node = 2 * node + 1 + (codes[rows, columns[node]] > limits[node])
        found: Floats = np.array(self.leaves)[node - len(columns)]
        return found

    def renamed(self, place: Mapping[int, int]) -> Tree:
        """The same tree where columns stand elsewhere."""
        return Tree(tuple(place[column] for column in self.columns), self.limits, self.leaves)


def grown(codes: Codes, sizes: Sequence[int], left: Floats, among: Sequence[int]) -> Tree:
    """The tree that takes most of what is left of n rows: bins (n, columns), bins of each column, (n,) what is left."""
    columns, limits = [], []
    node = np.zeros(len(left), dtype=np.int64)  # within its level
    for level in range(DEPTH):
        splits = _splits(codes, sizes, left, among, node, 2**level)
        columns += splits[0].tolist()
        limits += splits[1].tolist()
        node = 2 * node + (codes[np.arange(len(left)), splits[0][node]] > splits[1][node])
    rows, sums = (np.bincount(node, weights, minlength=2**DEPTH) for weights in (None, left))
    return Tree(tuple(columns), tuple(limits), tuple((_RATE * sums / (rows + _RIDGE)).tolist()))


def _splits(
    codes: Codes, sizes: Sequence[int], left: Floats, among: Sequence[int], node: Codes, nodes: int
) -> tuple[Codes, Codes]:
    """(nodes,) column and limit of each node's best split; where none pays, one that sends all rows to the left."""
    best = np.full(nodes, 1e-12)
    column, limit = np.full(nodes, among[0], dtype=np.int64), np.full(nodes, _NONE, dtype=np.int64)
    for one in among:
        size = sizes[one]
        place = node * size + codes[:, one]
        rows, sums = (
            np.bincount(place, weights, minlength=nodes * size).reshape(nodes, size).cumsum(axis=1).astype(np.float64)
            for weights in (None, left)
        )
        all_rows, all_sums = rows[:, -1:], sums[:, -1:]
        gain = _taken(rows, sums) + _taken(all_rows - rows, all_sums - sums) - _taken(all_rows, all_sums)
        gain = np.where((rows >= _FEWEST) & (all_rows - rows >= _FEWEST), gain, 0.0)
        at = gain.argmax(axis=1)
        better = gain[np.arange(nodes), at] > best
        best = np.where(better, gain[np.arange(nodes), at], best)
        column, limit = np.where(better, one, column), np.where(better, at, limit)
    return column, limit


def _taken(rows: Floats, sums: Floats) -> Floats:
    found: Floats = sums**2 / (rows + _RIDGE)
    return found
