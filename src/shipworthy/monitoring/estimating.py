"""Quality without labels: what the metric would be, with its error, and how far it had to guess. Pure.

Learnt from the rows held out at training, which a release keeps, so that nobody's model is opened. The error of an
estimate is the root of four parts: the luck of the labels that will come; what another sample of rows held out would
have taught (a jackknife over stretches of them); how far the estimate was off on the windows held out beyond luck; and
the error of the offset that makes it right on them on average.

It sees what the inputs and scores tell. It is blind where the same inputs begin to mean something else (concept drift),
and guesses for scores beyond those held out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Metric
from shipworthy.counts import bins
from shipworthy.counts.bins import Bins
from shipworthy.monitoring import calibration as calibrating
from shipworthy.monitoring.calibration import FOLDS, Calibration, stretches
from shipworthy.monitoring.expecting import drawn, expected
from shipworthy.monitoring.loss_model import LossModel, learn, thinned
from shipworthy.monitoring.quality import FEWEST_ROWS, value_of
from shipworthy.monitoring.records import Estimate

FEWEST_HELD_OUT = 200  # labelled rows below which nothing is learnt
BLIND = (
    "estimated from scores and inputs as the rows held out explain them: it cannot see that the same inputs begin to "
    "mean something else (concept drift). Where labels say otherwise, believe the labels"
)
_DRAWS = 20
_WINDOWS = 60  # held out, that the estimate is held against, at most
_BOUNDED: frozenset[Metric] = frozenset({"auc", "accuracy", "f1", "brier"})

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Estimator(Protocol):
    """Estimates one metric of one release."""

    @property
    def columns(self) -> tuple[int, ...]:
        """Of the coded features, those that it looks at."""
        ...

    def estimate(self, answers: Floats, codes: Codes) -> Estimate:
        """Of n rows, from answers (n, k) and the bins of the coded features (n, c)."""
        ...


@dataclass(frozen=True, slots=True)
class HeldAgainst:
    """How estimates did on the windows held out."""

    offset: float = 0.0  # mean of estimate less value, by rows
    error: float = 0.0  # of one window beyond the luck of its labels, the offset's own error with it


@dataclass(frozen=True, slots=True)
class ByChances:
    """Of a classification: expected values under calibrated chances (CBPE)."""

    metric: Metric
    calibration: Calibration
    without: tuple[Calibration, ...]  # each made without one stretch of the rows held out
    low: Floats  # (k,) lowest and highest score held out
    high: Floats
    held: HeldAgainst = HeldAgainst()
    columns: tuple[int, ...] = ()

    def estimate(self, answers: Floats, codes: Codes) -> Estimate:
        """As `Estimator` has it."""
        answers = answers[np.isfinite(answers).all(axis=1)]
        chances = self.calibration.chances(answers)
        value = expected(self.metric, chances, answers)
        if value is None:
            return Estimate(None, None, 0.0)
        others = [expected(self.metric, one.chances(answers), answers) for one in self.without]
        outside = ((answers < self.low) | (answers > self.high)).any(axis=1)
        parts = (luck(self.metric, chances, answers), _jackknife(others), self.held.error)
        return _estimate(self.metric, value - self.held.offset, parts, float(outside.mean()))


@dataclass(frozen=True, slots=True)
class ByLosses:
    """Of a regression: the mean of expected losses (direct loss estimation)."""

    metric: Metric
    prediction: Bins
    model: LossModel  # of the prediction's bin, then of the features' that are coded
    without: tuple[LossModel, ...]
    noise: float  # standard deviation of a row's loss about its expectation, as a share of that
    columns: tuple[int, ...]
    held: HeldAgainst = HeldAgainst()

    def estimate(self, answers: Floats, codes: Codes) -> Estimate:
        """As `Estimator` has it."""
        finite = np.isfinite(answers[:, 0])
        answers, codes = answers[finite], codes[finite]
        if not len(answers):
            return Estimate(None, None, 0.0)
        coded = np.column_stack([bins.assign(self.prediction, answers[:, 0]), codes]).astype(np.int64)
        losses = self.model.expected(coded)
        loss = float(losses.mean())
        value = of_loss(self.metric, loss, answers)
        others = [of_loss(self.metric, float(one.expected(coded).mean()), answers) for one in self.without]
        wide = self.noise * float(np.linalg.norm(losses)) / len(answers)
        by_luck = _spread(self.metric, loss, wide, answers)
        ends = (0, self.prediction.ordered - 1)  # under and over what was held out
        outside = np.isin(coded[:, 0], ends) if self.prediction.ordered > 1 else np.zeros(len(coded), dtype=bool)
        parts = (by_luck, _jackknife(others), self.held.error)
        return _estimate(self.metric, value - self.held.offset, parts, float(outside.mean()))

    def among(self, kept: Sequence[int]) -> ByLosses:
        """The same for rows of which only those features are coded."""
        return replace(
            self,
            model=_moved(self.model, kept),
            without=tuple(_moved(one, kept) for one in self.without),
            columns=tuple(kept.index(column) for column in self.columns),
        )


def by_chances(metric: Metric, answers: Floats, labels: Codes, windows: Codes) -> ByChances:
    """Learnt from n rows held out in the order of time: answers (n, k), index of the true class, window (n,)."""
    without = calibrating.left_out(answers, labels)
    if calibrating.chosen(answers, labels, without):
        calibration = calibrating.calibrate(answers, labels)
    else:
        calibration, without = calibrating.as_they_are(answers.shape[1]), ()
    low, high = answers.min(axis=0), answers.max(axis=0)
    chances = calibration.chances(answers)
    fold = stretches(len(labels))
    for index, one in enumerate(without):
        chances[fold == index] = one.chances(answers[fold == index])
    classes = range(answers.shape[1])

    def off(rows: Codes) -> tuple[float, float] | None:
        value = value_of(metric, labels[rows], answers[rows], classes)
        found = expected(metric, chances[rows], answers[rows])
        if value is None or found is None:
            return None
        return found - value, luck(metric, chances[rows], answers[rows])

    held = _held_against(windows, off)
    return ByChances(metric, calibration, without, low, high, held)


_AS_GOOD = 1.002  # times the least squares, on rows that were not learnt from: that much is luck


def by_losses(
    metric: Metric, answers: Floats, target: Floats, codes: Codes, sizes: tuple[int, ...], windows: Codes
) -> ByLosses:
    """Learnt from n rows held out in the order of time: predictions (n, 1), labels (n,), features' bins (n, c)."""
    cells = bins.build("float", answers[:, 0])
    coded = np.column_stack([bins.assign(cells, answers[:, 0]), codes]).astype(np.int64)
    sizes = (cells.size, *sizes)
    errors = target - answers[:, 0]
    losses = np.abs(errors) if metric == "mae" else errors**2
    some = thinned(len(losses))
    fold, learnt = stretches(len(losses)), stretches(len(some))
    paths = [learn(coded[some][learnt != one], sizes, losses[some][learnt != one]) for one in range(FOLDS)]
    guesses = np.empty((len(paths[0]), len(losses)))
    for one, path in enumerate(paths):
        for index, model in enumerate(path):
            guesses[index, fold == one] = model.expected(coded[fold == one])
    off_by = ((guesses - losses) ** 2).sum(axis=1)
    best = int(np.flatnonzero(off_by <= _AS_GOOD * off_by.min())[0])  # the simplest: a larger one has to pay
    guess = guesses[best]
    size = float(np.linalg.norm(guess))
    noise = float(np.linalg.norm(losses - guess)) / size if size > 0 else 0.0

    def off(rows: Codes) -> tuple[float, float] | None:
        value = value_of(metric, target[rows], answers[rows], ())
        if value is None:
            return None
        mean, wide = float(guess[rows].mean()), noise * float(np.linalg.norm(guess[rows])) / len(rows)
        return of_loss(metric, mean, answers[rows]) - value, _spread(metric, mean, wide, answers[rows])

    held = _held_against(windows, off)
    model = learn(coded[some], sizes, losses[some])[best]
    without = tuple(path[best] for path in paths)
    used = {column - 1 for one in (model, *without) for column in one.columns if column}
    return ByLosses(metric, cells, model, without, noise, tuple(sorted(used)), held)


def luck(metric: Metric, chances: Floats, answers: Floats) -> float:
    """Standard deviation of the metric over labels drawn by their chances; the same draws whenever it is asked for."""
    generator = np.random.default_rng(0)
    classes = range(answers.shape[1])
    found = [value_of(metric, drawn(chances, generator), answers, classes) for _ in range(_DRAWS)]
    known = [one for one in found if one is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else 0.0


def of_loss(metric: Metric, loss: float, answers: Floats) -> float:
    """The metric from the mean loss of n rows; r2 by the spread that right predictions and their errors add up to."""
    if metric == "mae":
        return loss
    if metric == "rmse":
        return sqrt(loss)
    spread = float(answers[:, 0].var()) + loss
    return 1.0 - loss / spread if spread > 0 else 0.0


def _spread(metric: Metric, loss: float, wide: float, answers: Floats) -> float:
    """Standard deviation of the metric where that of the mean loss is `wide`."""
    return abs(of_loss(metric, loss + wide, answers) - of_loss(metric, max(0.0, loss - wide), answers)) / 2


def _moved(model: LossModel, kept: Sequence[int]) -> LossModel:
    """Column 0 is the prediction, 1 + i the i-th coded feature."""
    place = {column: column if column == 0 else 1 + kept.index(column - 1) for column in model.columns}
    trees = tuple(tree.renamed(place) for tree in model.trees)
    return msgspec.structs.replace(model, columns=tuple(place.values()), trees=trees)


def _held_against(windows: Codes, off: Callable[[Codes], tuple[float, float] | None]) -> HeldAgainst:
    """off: estimate less value, and the standard deviation that luck gives it, of rows by index."""
    _, place = np.unique(windows, return_inverse=True)
    if place.max(initial=0) < FOLDS - 1:  # too few windows to learn from
        place = stretches(len(windows))
    order = np.argsort(place, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(place[order])) + 1)
    large = [rows for rows in groups if len(rows) >= FEWEST_ROWS]
    some = [large[index] for index in np.unique(np.linspace(0, len(large) - 1, _WINDOWS).astype(int))] if large else []
    found = [(one, len(rows)) for rows in some if (one := off(rows)) is not None]
    if len(found) < 2:
        return HeldAgainst()
    misses = np.array([one[0] for one, _ in found])
    lucks = np.array([one[1] for one, _ in found])
    weights = np.array([rows for _, rows in found], dtype=np.float64)
    offset = float(np.average(misses, weights=weights))
    beyond = max(0.0, float(np.average((misses - offset) ** 2 - lucks**2, weights=weights)))
    of_offset = float(np.var(misses, ddof=1)) / len(misses)
    return HeldAgainst(offset, sqrt(beyond + of_offset))


def _jackknife(others: Sequence[float | None]) -> float:
    known = np.array([one for one in others if one is not None])
    if len(known) < 2:
        return 0.0
    return sqrt((len(known) - 1) / len(known) * float(((known - known.mean()) ** 2).sum()))


def _estimate(metric: Metric, value: float, parts: tuple[float, ...], outside: float) -> Estimate:
    if metric in _BOUNDED:
        value = min(1.0, value)
    if metric != "r2":
        value = max(0.0, value)
    return Estimate(value, sqrt(sum(part**2 for part in parts)), outside)
