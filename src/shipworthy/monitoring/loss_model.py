"""What the loss of a row will be, from what is known before its label: direct loss estimation. Pure.

A sum of tables over bins, of the prediction and of features, grown step by step as boosting grows stumps (Friedman,
2001): each step takes the column whose bins leave the least, and adds a part of their shrunk means. Then small trees
over the same bins, for errors that are large where several columns come together and none alone tells so. It is learnt
from the rows held out, and needs nobody's model.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.loss_trees import Tree, grown

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

STEPS = (0, 10, 30, 60)  # of tables, after which a model is kept: how many pay is found on rows it was not learnt from
TREES = (20, 60)  # after the tables, likewise
MOST = 8  # columns that a model may look at
_RATE = 0.3
_RIDGE = 20.0  # rows of the mean that a bin is mixed with
_CANDIDATES = 30  # columns that are tried at every step: those that tell most at the first
_ROWS = 50_000  # learnt from; more are thinned out evenly


class LossModel(msgspec.Struct, frozen=True):
    """The expected loss is `base` plus the number of each table, and of each tree; never less than nothing."""

    base: float
    columns: tuple[int, ...]  # that the tables are of
    tables: tuple[tuple[float, ...], ...]  # one number a bin
    trees: tuple[Tree, ...] = ()  # over the same columns

    def expected(self, codes: Codes) -> Floats:
        """(n,) expected losses of rows whose bins are codes, (n, columns)."""
        total = np.full(len(codes), self.base)
        for column, table in zip(self.columns, self.tables, strict=True):
            total += np.asarray(table)[codes[:, column]]
        for tree in self.trees:
            total += tree.of(codes)
        expected: Floats = np.maximum(total, 0.0)
        return expected


def learn(codes: Codes, sizes: Sequence[int], losses: Floats) -> tuple[LossModel, ...]:
    """The model after each of STEPS, from n rows: their bins (n, columns), how many each column has, losses (n,)."""
    codes, base = np.asfortranarray(codes), float(losses.mean())  # a column after the other, as they are looked at
    tables = [np.zeros(size) for size in sizes]
    left = losses - base
    used: list[int] = []
    tried = _best(codes, sizes, left, range(len(sizes)))[:_CANDIDATES]
    found = [_model(base, tables, used)]
    for step in range(1, STEPS[-1] + 1):
        best = _best(codes, sizes, left, used if len(used) == MOST else tried)
        if best:
            column = best[0]
            part = _RATE * _shrunk(codes[:, column], sizes[column], left)
            tables[column] = tables[column] + part
            left = left - part[codes[:, column]]
            used = sorted({*used, column})
        if step in STEPS:
            found.append(_model(base, tables, used))
    used = sorted([*used, *(column for column in tried if column not in used)][:MOST])
    last = _model(base, tables, used)
    trees: list[Tree] = []
    for number in range(1, TREES[-1] + 1 if used else 0):
        tree = grown(codes, sizes, left, used)
        left = left - tree.of(codes)
        trees.append(tree)
        if number in TREES:
            found.append(msgspec.structs.replace(last, trees=tuple(trees)))
    return tuple(found)


def thinned(rows: int) -> Codes:
    """Which of so many rows are learnt from, in their order."""
    return np.arange(rows) if rows <= _ROWS else np.linspace(0, rows - 1, _ROWS).astype(np.int64)


def _model(base: float, tables: Sequence[Floats], used: Sequence[int]) -> LossModel:
    return LossModel(base, tuple(used), tuple(tuple(tables[column].tolist()) for column in used))


def _best(codes: Codes, sizes: Sequence[int], left: Floats, among: Sequence[int]) -> list[int]:
    """Columns by how much of what is left they take away, those that take nothing left out."""
    gains = []
    for column in among:
        rows = np.bincount(codes[:, column], minlength=sizes[column])
        sums = np.bincount(codes[:, column], left, minlength=sizes[column])
        gains.append((float((sums**2 / (rows + _RIDGE)).sum()), column))
    return [column for gain, column in sorted(gains, key=lambda one: (-one[0], one[1])) if gain > 0]


def _shrunk(codes: Codes, size: int, left: Floats) -> Floats:
    rows = np.bincount(codes, minlength=size)
    return np.bincount(codes, left, minlength=size) / (rows + _RIDGE)
