"""What the loss of a row will be, from what is known before its label: direct loss estimation. Pure.

A sum of tables over bins, of the prediction and of features, grown step by step as boosting grows stumps (Friedman,
2001): each step takes the column whose bins leave the least, and adds a part of their shrunk means. It is learnt from
the rows held out, needs nobody's model, and is as cheap as looking up a few numbers a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

STEPS = (0, 10, 30, 60)  # after which a model is kept: how many pay is found on rows it was not learnt from
MOST = 8  # columns that a model may look at
_RATE = 0.3
_RIDGE = 20.0  # rows of the mean that a bin is mixed with
_CANDIDATES = 30  # columns that are tried at every step: those that tell most at the first
_ROWS = 50_000  # learnt from; more are thinned out evenly


class LossModel(msgspec.Struct, frozen=True):
    """The expected loss is `base` plus the number of each table; never less than nothing."""

    base: float
    columns: tuple[int, ...]  # that the tables are of
    tables: tuple[tuple[float, ...], ...]  # one number a bin

    def expected(self, codes: Codes) -> Floats:
        """(n,) expected losses of rows whose bins are codes, (n, columns)."""
        total = np.full(len(codes), self.base)
        for column, table in zip(self.columns, self.tables, strict=True):
            total += np.asarray(table)[codes[:, column]]
        expected: Floats = np.maximum(total, 0.0)
        return expected


def learn(codes: Codes, sizes: Sequence[int], losses: Floats) -> tuple[LossModel, ...]:
    """The model after each of STEPS, from n rows: their bins (n, columns), how many each column has, losses (n,)."""
    base = float(losses.mean())
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
