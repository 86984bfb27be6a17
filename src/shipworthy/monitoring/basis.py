"""What live quality is held against, and how it is estimated without labels: all of it from the rows held out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.contract.records import Feature, Metric
from shipworthy.counts import bins
from shipworthy.counts.bins import Bins
from shipworthy.errors import DataViolation
from shipworthy.models.answers import Class
from shipworthy.models.columns import from_arrow
from shipworthy.models.metrics import OF_REGRESSION, codes
from shipworthy.monitoring import slicing
from shipworthy.monitoring.estimating import FEWEST_HELD_OUT, ByLosses, Estimator, by_chances, by_losses
from shipworthy.monitoring.performance import Promised, promised
from shipworthy.monitoring.quality import settled_order
from shipworthy.monitoring.records import LossKind
from shipworthy.monitoring.slicing import Slice

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_LARGE = 0.995  # of the absolute errors held out: larger ones count as much as this, so that one row cannot say it all


class Coded(msgspec.Struct, frozen=True):
    """A feature that slices or estimates look at, and its bins."""

    feature: Feature
    bins: Bins


class LossScale(msgspec.Struct, frozen=True):
    """The loss of a row, brought to [0, 1]."""

    kind: LossKind
    scale: float  # a larger one counts as 1
    held_out: float | None  # mean of the rows held out, in [0, 1]


@dataclass(frozen=True, slots=True)
class Basis:
    """Of one release."""

    metric: Metric
    classes: tuple[Class, ...]  # () for a regression
    promised: Promised | None = None
    estimator: Estimator | None = None
    why: str = "no labelled rows were held out"  # why nothing is estimated; "" where it is
    coded: tuple[Coded, ...] = ()
    slices: tuple[Slice, ...] = ()
    loss: LossScale | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Whose values are needed with every answer."""
        return tuple(coded.feature.name for coded in self.coded)

    def codes(self, columns: Mapping[str, pa.ChunkedArray[Any]], rows: int) -> Codes:
        """(rows, c) bins of the coded features; a column that is not there, or of another type now, is null."""
        found = np.empty((rows, len(self.coded)), dtype=np.int64)
        for index, coded in enumerate(self.coded):
            found[:, index] = coded.bins.size - 1
            column = columns.get(coded.feature.name)
            if column is not None:
                try:
                    table = pa.Table.from_arrays([column], names=[coded.feature.name])
                    [values] = from_arrow(table, [coded.feature])
                except DataViolation:
                    continue
                found[:, index] = bins.assign(coded.bins, values)
        return found


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Labelled rows that a model was not trained on."""

    target: NDArray[np.generic]  # (n,) labels as the data has them
    answers: Floats  # (n, k)
    windows: Codes | None  # (n,) each row's, in any numbering; None: they have no times
    columns: Mapping[str, NDArray[np.generic]]  # features as `models.records.Columns` holds them


def based(
    metric: Metric, classes: Sequence[Class], features: Sequence[Feature], held: HeldRows, slices: Sequence[str] = ()
) -> Basis:
    """What n rows held out say. slices: features by whose values quality is told apart."""
    # Chances need scores alone; a regression's losses are learnt from all that there is.
    needed = [one for one in features if one.name in slices] if classes else features
    known = _known(metric, tuple(classes), needed, held)
    estimator, why = _estimator(known)
    wanted = {index for index, one in enumerate(known.coded) if one.feature.name in slices}
    kept = sorted(wanted | set(() if estimator is None else estimator.columns))
    if isinstance(estimator, ByLosses):
        estimator = estimator.among(kept)
    return Basis(
        metric,
        known.classes,
        promised(metric, known.target, known.answers, classes, known.windows),
        estimator,
        why,
        tuple(known.coded[index] for index in kept),
        tuple(one for name in slices for one in _slices(known, name, kept)),
        scale_of(metric, classes, known.target, known.answers),
    )


def losses(scale: LossScale, classes: Sequence[Class], target: NDArray[np.generic], answers: Floats) -> Floats:
    """(n,) losses of labelled rows over the scale; above 1 where they are larger than it."""
    if scale.kind == "absolute error":
        errors: Floats = np.abs(target.astype(np.float64) - answers[:, 0]) / scale.scale
        return errors
    labels = codes(target, classes)
    if scale.kind == "mistakes":
        mistaken: NDArray[np.bool_] = answers.argmax(axis=1) != labels
        return mistaken.astype(np.float64)
    outcome = np.zeros_like(answers)
    outcome[np.arange(len(labels)), labels] = 1.0
    squares: Floats = ((answers - outcome) ** 2).sum(axis=1) / 2
    return squares


def scale_of(
    metric: Metric, classes: Sequence[Class], target: NDArray[np.generic], answers: Floats
) -> LossScale | None:
    """The loss that goes with a metric; None for a regression of which no row, or no error, was held out."""
    if metric not in OF_REGRESSION:
        kind: LossKind = "mistakes" if metric in ("accuracy", "f1") else "brier"
        scale = LossScale(kind, 1.0, None)
        return scale if not len(target) else LossScale(kind, 1.0, float(losses(scale, classes, target, answers).mean()))
    errors = np.abs(target.astype(np.float64) - answers[:, 0])
    large = float(np.quantile(errors, _LARGE)) if len(errors) else 0.0
    return LossScale("absolute error", large, float(np.minimum(errors / large, 1.0).mean())) if large > 0 else None


@dataclass(frozen=True, slots=True)
class _Known:
    """The rows held out that have a label and an answer, in the order of time, m of them."""

    metric: Metric
    classes: tuple[Class, ...]
    target: NDArray[np.generic]  # (m,)
    answers: Floats  # (m, k)
    windows: Codes | None  # (m,)
    coded: tuple[Coded, ...]
    codes: Codes  # (m, features)


def _known(metric: Metric, classes: tuple[Class, ...], features: Sequence[Feature], held: HeldRows) -> _Known:
    known = np.isfinite(held.answers).all(axis=1)
    if classes:
        known &= np.isin(held.target.astype(object), np.array(list(classes), dtype=object))
    else:
        known &= np.isfinite(held.target.astype(np.float64))
    order = np.flatnonzero(known)
    if held.windows is not None:
        order = order[settled_order(held.answers[order], _as_numbers(held.target[order], classes))]
        order = order[np.argsort(held.windows[order], kind="stable")]
    columns = {one.name: held.columns[one.name][order] for one in features if one.name in held.columns}
    coded = tuple(
        Coded(msgspec.structs.replace(one, nullable=True), bins.build(one.type, columns[one.name]))
        for one in features
        if one.name in columns
    )
    matrix = np.empty((len(order), len(coded)), dtype=np.int64)
    for index, one in enumerate(coded):
        matrix[:, index] = bins.assign(one.bins, columns[one.feature.name])
    windows = None if held.windows is None else held.windows[order]
    return _Known(metric, classes, held.target[order], held.answers[order], windows, coded, matrix)


def _as_numbers(target: NDArray[np.generic], classes: tuple[Class, ...]) -> Floats:
    return codes(target, classes).astype(np.float64) if classes else target.astype(np.float64)


def _estimator(known: _Known) -> tuple[Estimator | None, str]:
    """What estimates, or why nothing does."""
    rows = len(known.target)
    if rows < FEWEST_HELD_OUT:
        return None, f"{rows:,} labelled rows were held out, of which {FEWEST_HELD_OUT} are needed to learn from"
    windows = np.zeros(rows, dtype=np.int64) if known.windows is None else known.windows
    if not known.classes:
        sizes = tuple(one.bins.size for one in known.coded)
        target = known.target.astype(np.float64)
        return by_losses(known.metric, known.answers, target, known.codes, sizes, windows), ""
    labels = codes(known.target, known.classes)
    if len(np.unique(labels)) < 2:
        return None, "the rows held out are of one class, so that nothing is learnt of the others"
    return by_chances(known.metric, known.answers, labels, windows), ""


def _slices(known: _Known, feature: str, kept: Sequence[int]) -> Iterator[Slice]:
    index = next((i for i, one in enumerate(known.coded) if one.feature.name == feature), None)
    if index is None:
        return
    for value, its in slicing.cut(known.coded[index].bins, known.codes[:, index]):
        inside = np.isin(known.codes[:, index], its)
        windows = None if known.windows is None else known.windows[inside]
        held = promised(known.metric, known.target[inside], known.answers[inside], known.classes, windows)
        yield Slice(feature, list(kept).index(index), value, its, held)
