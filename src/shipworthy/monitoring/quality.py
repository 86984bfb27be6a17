"""The gate's metric on the labelled rows of one window. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Metric
from shipworthy.errors import Undecided
from shipworthy.models.answers import Class
from shipworthy.models.metrics import measure

_GROUPS = 10  # of rows that the jackknife leaves out in turn
FEWEST_ROWS = 50  # labelled rows below which a window has no standard error, and counts for no alarm


def measured(
    metric: Metric, target: NDArray[np.generic], values: NDArray[np.float64], classes: Sequence[Class]
) -> tuple[float | None, float | None]:
    """The metric and its standard error on n labelled rows, (n,) and (n, k); None where there is no value.

    The error is a jackknife over groups (Shao and Wu, 1989): it needs no formula a metric, and no random numbers.
    """
    value = value_of(metric, target, values, classes)
    if value is None or len(target) < FEWEST_ROWS:
        return value, None
    group = np.arange(len(target)) % _GROUPS
    left = [value_of(metric, target[group != one], values[group != one], classes) for one in range(_GROUPS)]
    known = np.array([one for one in left if one is not None])
    if len(known) < _GROUPS:
        return value, None
    return value, sqrt((_GROUPS - 1) / _GROUPS * float(((known - known.mean()) ** 2).sum()))


def settled_order(*columns: NDArray[np.generic]) -> NDArray[np.int64]:
    """An order of n rows, as indices, that does not depend on the one they came in, nor goes by what they hold.

    columns: (n,) or (n, k) numbers. What looks at parts of the rows in turn needs parts that are alike.
    """
    keys = [part for column in columns for part in (column.T if column.ndim > 1 else [column])]
    order = np.lexsort(keys[::-1])
    return order[np.random.default_rng(0).permutation(len(order))]


def value_of(
    metric: Metric, target: NDArray[np.generic], values: NDArray[np.float64], classes: Sequence[Class]
) -> float | None:
    """The metric of n rows; None where it has no value on them."""
    try:
        return measure(metric, target, values, classes)
    except Undecided:
        return None
