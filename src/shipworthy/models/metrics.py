"""The metrics of the gate and of live quality, in numpy alone, the same everywhere they are asked for.

`target` holds labels as the data has them, `values` the answers (n, k), `classes` their order. The last class is the
positive one of two. Formulas are those of scikit-learn's functions of the same names (the tests hold them against
it); several classes are averaged over classes without weights (auc, f1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Metric
from shipworthy.errors import DataViolation, Undecided
from shipworthy.models.answers import Class

HIGHER_IS_BETTER: frozenset[Metric] = frozenset({"auc", "accuracy", "f1", "r2"})
OF_REGRESSION: frozenset[Metric] = frozenset({"mae", "rmse", "r2"})

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def measure(metric: Metric, target: NDArray[np.generic], values: Floats, classes: Sequence[Class]) -> float:
    """The metric of answers.

    Undecided where it has no value (no rows, one class only), DataViolation for a label that is no class.
    """
    if not len(target):
        raise Undecided(f"{metric} of no rows has no value")
    if len(target) != len(values):
        raise ValueError(f"{len(target)} labels for {len(values)} answers")
    if metric in OF_REGRESSION:
        return _REGRESSION[metric](np.asarray(target, dtype=np.float64), values[:, 0])
    return _CLASSIFICATION[metric](codes(target, classes), values)


def better(metric: Metric, a: float, b: float) -> bool:
    """Whether a is better than b."""
    return a > b if metric in HIGHER_IS_BETTER else a < b


def worse_by(metric: Metric, candidate: float, live: float) -> float:
    """By how much the candidate is worse than the live one; negative where it is better."""
    return live - candidate if metric in HIGHER_IS_BETTER else candidate - live


def codes(target: NDArray[np.generic], classes: Sequence[Class]) -> Codes:
    """The index of each label in `classes`; DataViolation naming the labels that are none of them."""
    found = np.full(len(target), -1, dtype=np.int64)
    for index, name in enumerate(classes):
        found[target == name] = index
    unknown = found < 0
    if unknown.any():
        first = ", ".join(repr(label) for label in dict.fromkeys(target[unknown][:1000].tolist()))
        raise DataViolation(
            f"{int(unknown.sum())} labels are none of the model's classes {list(classes)}, the first {first[:200]}"
        )
    return found


def _auc(labels: Codes, values: Floats) -> float:
    if values.shape[1] == 2:
        return _auc_of_one(labels == 1, values[:, 1])
    return float(np.mean([_auc_of_one(labels == index, values[:, index]) for index in range(values.shape[1])]))


def _auc_of_one(positive: NDArray[np.bool_], score: Floats) -> float:
    """Mann and Whitney's U over the number of pairs; a tie counts half, by the mean rank of equal scores."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise Undecided(f"auc of {len(positive)} rows has no value: a class does not occur, or no other does")
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    rank_sum = float(mean_rank[place][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def _log_loss(labels: Codes, values: Floats) -> float:
    smallest = np.finfo(np.float64).eps
    said = np.clip(values[np.arange(len(labels)), labels], smallest, 1 - smallest)
    return float(-np.log(said).mean())


def _brier(labels: Codes, values: Floats) -> float:
    """Brier 1950: squared distance of the probabilities from the outcome; of two classes that of the positive one."""
    if values.shape[1] == 2:
        return float(np.mean((values[:, 1] - labels) ** 2))
    outcome = np.zeros_like(values)
    outcome[np.arange(len(labels)), labels] = 1.0
    return float(np.mean(((values - outcome) ** 2).sum(axis=1)))


def _accuracy(labels: Codes, values: Floats) -> float:
    return float(np.mean(values.argmax(axis=1) == labels))


def _f1(labels: Codes, values: Floats) -> float:
    """2 TP / (2 TP + FP + FN); 0 where nothing is positive, neither said nor true. Absent classes are left out."""
    said = values.argmax(axis=1)
    if values.shape[1] == 2:
        return _f1_of_one(labels == 1, said == 1)
    present = np.union1d(labels, said)
    return float(np.mean([_f1_of_one(labels == index, said == index) for index in present]))


def _f1_of_one(true: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    both = int((true & said).sum())
    total = int(true.sum()) + int(said.sum())
    return 2 * both / total if total else 0.0


def _mae(target: Floats, predicted: Floats) -> float:
    return float(np.abs(target - predicted).mean())


def _rmse(target: Floats, predicted: Floats) -> float:
    return float(np.sqrt(((target - predicted) ** 2).mean()))


def _r2(target: Floats, predicted: Floats) -> float:
    spread = float(((target - target.mean()) ** 2).sum())
    if spread == 0.0:
        raise Undecided(f"r2 of {len(target)} rows has no value: the target is the same in all of them")
    return 1.0 - float(((target - predicted) ** 2).sum()) / spread


_CLASSIFICATION = {"auc": _auc, "log_loss": _log_loss, "brier": _brier, "accuracy": _accuracy, "f1": _f1}
_REGRESSION = {"mae": _mae, "rmse": _rmse, "r2": _r2}
