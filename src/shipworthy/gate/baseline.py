"""The trivial rule that a model has to beat, answered in the form in which a model answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.errors import Undecided
from shipworthy.models.answers import Class
from shipworthy.models.metrics import codes

PRIOR = "prior"
LAST_VALUE = "last value"

Floats = NDArray[np.float64]


def prior(history: NDArray[np.generic], classes: Sequence[Class], rows: int) -> Floats:
    """(rows, k): each class as often as in the history's labels; a regression: (rows, 1), their mean.

    Undecided where the history has no labels.
    """
    _need_labels(history)
    if not classes:
        return np.full((rows, 1), np.asarray(history, dtype=np.float64).mean())
    shares = np.bincount(codes(history, classes), minlength=len(classes)) / len(history)
    return np.tile(shares, (rows, 1))


def last_value(history: NDArray[np.generic], target: NDArray[np.generic], classes: Sequence[Class]) -> Floats:
    """(n, k): every row is answered with the label of the row before it; both arrays in the order of time.

    It knows each truth at once, which a model never does: a harder rule to beat than it could be in production.
    """
    _need_labels(history)
    before = np.concatenate([history[-1:], target[:-1]])
    if not classes:
        return np.asarray(before, dtype=np.float64).reshape(-1, 1)
    return np.eye(len(classes), dtype=np.float64)[codes(before, classes)]


def feature(name: str, values: NDArray[np.generic], classes: Sequence[Class]) -> Floats:
    """(n, k): a numeric feature, (n,), as the score of the last of two classes, or as a regression's prediction.

    Nulls get the mean of the others. Undecided for several classes, or where the feature is not numeric.
    """
    if len(classes) > 2:
        raise Undecided(
            f"the baseline {name!r} is one number and cannot tell {len(classes)} classes apart; use 'prior'"
        )
    try:
        score = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise Undecided(f"the baseline {name!r} is not a numeric feature; use 'prior', or one that is") from error
    known = np.isfinite(score)
    if not known.any():
        raise Undecided(f"the baseline {name!r} has no value in any of the {len(score)} rows held out")
    filled = np.where(known, score, score[known].mean())
    return np.column_stack([1 - filled, filled]) if classes else filled.reshape(-1, 1)


def _need_labels(history: NDArray[np.generic]) -> None:
    if not len(history):
        raise Undecided("the baseline needs labels of the history, and there are none")
