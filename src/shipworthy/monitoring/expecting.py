"""The metric that labels would give, from the chances of the classes alone. Pure.

Confidence-based performance estimation: a row that is said to be late with chance 0.7 counts as 0.7 late rows and 0.3
others, in the metric's own formula. Sums are expected ones; a ratio is that of the expected sums. No labels are needed,
but chances that are right: `calibration` makes them so on the rows held out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Metric

Floats = NDArray[np.float64]


def expected(metric: Metric, chances: Floats, answers: Floats) -> float | None:
    """The metric of n rows from chances (n, k) and answers (n, k); None where it can have no value."""
    if not len(answers):
        return None
    return _EXPECTED[metric](chances, answers)


def drawn(chances: Floats, generator: np.random.Generator) -> NDArray[np.int64]:
    """(n,) the index of a class for each row, drawn by its chances (n, k)."""
    edges = np.cumsum(chances, axis=1)[:, :-1]
    found: NDArray[np.int64] = (generator.random((len(chances), 1)) > edges).sum(axis=1)
    return found


def _auc(chances: Floats, answers: Floats) -> float | None:
    if answers.shape[1] == 2:
        return _auc_of_one(chances[:, 1], answers[:, 1])
    found = [_auc_of_one(chances[:, index], answers[:, index]) for index in range(answers.shape[1])]
    known = [one for one in found if one is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _auc_of_one(chance: Floats, score: Floats) -> float | None:
    """Pairs of a row with the class and one without, that lie in the right order; a row makes no pair with itself."""
    _, place = np.unique(score, return_inverse=True)
    with_class, without = np.bincount(place, chance), np.bincount(place, 1 - chance)
    below = np.cumsum(without) - without
    itself = float((chance * (1 - chance)).sum())
    pairs = float(with_class.sum() * without.sum()) - itself
    if pairs <= 0:
        return None
    return (float((with_class * (below + without / 2)).sum()) - itself / 2) / pairs


def _log_loss(chances: Floats, answers: Floats) -> float:
    smallest = np.finfo(np.float64).eps
    return float(-(chances * np.log(np.clip(answers, smallest, 1 - smallest))).sum(axis=1).mean())


def _brier(chances: Floats, answers: Floats) -> float:
    """Of two classes that of the positive one, as `models.metrics` has it."""
    squares = (answers**2).sum(axis=1, keepdims=True) - 2 * answers + 1  # distance from each outcome
    total = float((chances * squares).sum(axis=1).mean())
    return total / 2 if answers.shape[1] == 2 else total


def _accuracy(chances: Floats, answers: Floats) -> float:
    return float(chances[np.arange(len(answers)), answers.argmax(axis=1)].mean())


def _f1(chances: Floats, answers: Floats) -> float:
    said = answers.argmax(axis=1)
    classes = range(1, 2) if answers.shape[1] == 2 else range(answers.shape[1])
    found = []
    for index in classes:
        total = float(chances[:, index].sum()) + float((said == index).sum())
        if total or len(classes) == 1:
            found.append(2 * float(chances[said == index, index].sum()) / total if total else 0.0)
    return float(np.mean(found))


_EXPECTED = {"auc": _auc, "log_loss": _log_loss, "brier": _brier, "accuracy": _accuracy, "f1": _f1}
