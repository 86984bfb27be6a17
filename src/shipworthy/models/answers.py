"""What answers mean: the prediction, the score that is watched, the confidence.

`values` is `Answers.values`, (n, k).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.models.records import BundleDescription

Class = str | int | float | bool


def prediction(values: NDArray[np.float64], classes: Sequence[Class]) -> NDArray[np.generic]:
    """(n,): the likeliest class of each row, the first of equals; a regression's predictions themselves."""
    if not classes:
        return values[:, 0]
    named: NDArray[np.generic] = as_array(classes)[values.argmax(axis=1)]
    return named


def score(values: NDArray[np.float64], description: BundleDescription) -> NDArray[np.float64]:
    """(n,): the probability of the last of two classes, of the likeliest of more; a regression's prediction."""
    if len(description.classes) > 2:
        highest: NDArray[np.float64] = values.max(axis=1)
        return highest
    return values[:, -1]


def confidence(values: NDArray[np.float64], description: BundleDescription) -> NDArray[np.float64] | None:
    """(n,): the highest probability; None for a regression, which says nothing about its own certainty."""
    if not description.classes:
        return None
    highest: NDArray[np.float64] = values.max(axis=1)
    return highest


def as_array(classes: Sequence[Class]) -> NDArray[np.generic]:
    """The classes as Python objects, so that 1, True and "1" stay what they are."""
    found = np.empty(len(classes), dtype=object)
    found[:] = list(classes)
    return found
