"""What a score is worth: the chance of the class that it speaks of, learnt from labelled rows that were held out. Pure.

Isotonic regression (pool adjacent violators; Zadrozny and Elkan, KDD 2002) over bins of equally many rows, with
straight lines between the middles of the pools. Where the scores as they are say it as well, out of sample, they are
kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

FOLDS = 10  # stretches of the rows held out, in the order of time, that are left out in turn
_BINS = 50
_ROWS = 50  # in a bin, at least


class Curve(msgspec.Struct, frozen=True):
    """Score to chance of one class; flat beyond the ends. () for scores that are taken as they are."""

    scores: tuple[float, ...]  # ascending
    chances: tuple[float, ...]


class Calibration(msgspec.Struct, frozen=True):
    """A curve a class."""

    curves: tuple[Curve, ...]

    def chances(self, answers: Floats) -> Floats:
        """(n, k) chances of the classes from (n, k) scores; rows add up to 1."""
        if len(self.curves) == 2:
            positive = _chance(self.curves[1], answers[:, 1])
            return np.stack([1 - positive, positive], axis=1)
        found = np.stack([_chance(curve, answers[:, index]) for index, curve in enumerate(self.curves)], axis=1)
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1.0), 1 / len(self.curves))


def calibrate(answers: Floats, labels: Codes) -> Calibration:
    """From n rows: answers (n, k) and the index of the true class (n,)."""
    classes = range(answers.shape[1])
    if len(classes) == 2:
        return Calibration((_AS_IT_IS, _curve(answers[:, 1], labels == 1)))
    return Calibration(tuple(_curve(answers[:, index], labels == index) for index in classes))


def as_they_are(classes: int) -> Calibration:
    """Scores that are taken for chances."""
    return Calibration((_AS_IT_IS,) * classes)


def stretches(rows: int) -> Codes:
    """(rows,) which of FOLDS stretches, in the order of time, a row lies in."""
    return np.minimum(np.arange(rows) * FOLDS // max(1, rows), FOLDS - 1)


def chosen(answers: Floats, labels: Codes, without: Sequence[Calibration]) -> bool:
    """Whether calibration says more than the scores as they are, on stretches that it was not made from.

    By the squared distance of the chances from what happened, which a straight tie leaves with the scores.
    """
    fold = stretches(len(labels))
    happened = np.zeros_like(answers)
    happened[np.arange(len(labels)), labels] = 1.0
    calibrated = np.empty_like(answers)
    for index, calibration in enumerate(without):
        calibrated[fold == index] = calibration.chances(answers[fold == index])
    return float(((calibrated - happened) ** 2).sum()) < float(((answers - happened) ** 2).sum())


def left_out(answers: Floats, labels: Codes) -> tuple[Calibration, ...]:
    """One calibration a stretch, made without it."""
    fold = stretches(len(labels))
    return tuple(calibrate(answers[fold != index], labels[fold != index]) for index in range(FOLDS))


_AS_IT_IS = Curve((), ())


def _chance(curve: Curve, scores: Floats) -> Floats:
    if not curve.scores:
        return scores
    return np.interp(scores, curve.scores, curve.chances)


def _curve(scores: Floats, positive: NDArray[np.bool_]) -> Curve:
    order = np.argsort(scores, kind="stable")
    bins = int(np.clip(len(scores) // _ROWS, 1, _BINS))
    pools: list[tuple[float, float, int]] = []  # sum of scores, positives, rows
    for part in np.array_split(order, bins):
        pools.append((float(scores[part].sum()), float(positive[part].sum()), len(part)))
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            last, before = pools.pop(), pools.pop()
            pools.append((last[0] + before[0], last[1] + before[1], last[2] + before[2]))
    return Curve(tuple(total / rows for total, _, rows in pools), tuple(found / rows for _, found, rows in pools))
