"""Columns as the one table that boosters' own calls take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy.models.records import Columns, SideBySide


def as_numbers(columns: Columns) -> NDArray[np.float64]:
    """(n, columns) doubles, of columns that are all numbers."""
    if isinstance(columns, SideBySide) and columns.numbers.shape[1] == len(columns):
        return columns.numbers
    rows = np.empty((len(columns[0]), len(columns)))
    for index, column in enumerate(columns):
        rows[:, index] = column
    return rows


def as_objects(columns: Columns) -> NDArray[Any]:
    """(n, columns) Python objects, of columns of which some are texts."""
    rows = np.empty((len(columns[0]), len(columns)), dtype=object)
    for index, column in enumerate(columns):
        rows[:, index] = column
    return rows


def in_order(rows: NDArray[Any], places: Sequence[int] | None) -> NDArray[Any]:
    """The columns that lie at these places, in this order; all as they are where None."""
    return rows if places is None else rows[:, places]


def both(second: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) from the probability of the second of two classes, (n, 1)."""
    return np.hstack([1.0 - second, second])
