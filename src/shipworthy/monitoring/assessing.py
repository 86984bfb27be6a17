"""Quality of one window: what labels say of it, what is estimated without them, and both by slice. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring import slicing
from shipworthy.monitoring.basis import Basis, losses
from shipworthy.monitoring.quality import measured
from shipworthy.monitoring.records import VERSION, Loss, Quality, SliceQuality
from shipworthy.monitoring.sequences import Gathered, gather, interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """Which window."""

    release: int
    window: int  # start
    length: int  # ns
    labels: str  # versions of what was joined


@dataclass(frozen=True, slots=True)
class Rows:
    """The n predictions of a window, in an order that does not depend on how they were recorded."""

    answers: Floats  # (n, k)
    codes: NDArray[np.int64]  # (n, c) bins of the basis's coded features
    labelled: NDArray[np.bool_]  # (n,)
    target: NDArray[np.generic]  # (n,) labels; anything where there is none


def assessed(basis: Basis, place: Place, rows: Rows) -> Quality:
    """Everything that can be said of a window."""
    understood = rows.labelled & _understood(basis, rows)
    unknown = int(rows.labelled.sum() - understood.sum())
    target, answers = rows.target[understood], rows.answers[understood]
    value, error = measured(basis.metric, target, answers, basis.classes)
    estimator = basis.estimator
    return Quality(
        version=VERSION,
        release=place.release,
        window=place.window,
        end=place.window + place.length,
        metric=basis.metric,
        value=value,
        labelled=len(target),
        rows=len(rows.answers),
        labels=place.labels,
        error=error,
        estimated=None if estimator is None else estimator.estimate(rows.answers, rows.codes),
        loss=_loss(basis, target, answers),
        slices=tuple(_slice(basis, one, rows, understood) for one in basis.slices if _any(one, rows)),
        unknown=unknown,
    )


def _understood(basis: Basis, rows: Rows) -> NDArray[np.bool_]:
    """(n,) whether a label is one of the classes, or a number, and the answer is one too."""
    understood = np.isfinite(rows.answers).all(axis=1)
    if basis.classes:
        understood &= np.any([np.asarray(rows.target == name, dtype=bool) for name in basis.classes], axis=0)
    else:
        understood &= np.fromiter(map(_is_number, rows.target.tolist()), bool, len(rows.target))
    return understood


def _is_number(label: Any) -> bool:
    return label is not None and not isinstance(label, str) and isfinite(label)


def _loss(basis: Basis, target: NDArray[np.generic], answers: Floats) -> Loss | None:
    scale = basis.loss
    if scale is None or not len(target):
        return None
    found = losses(scale, basis.classes, target, answers)
    guess = 0.5 if scale.held_out is None else scale.held_out
    return of_gathered(
        Loss(scale.kind, scale.scale, 0, 0.0, 0.0, 0.0, 1.0, int((found > 1).sum()), scale.held_out),
        gather(np.minimum(found, 1.0), guess),
    )


def of_gathered(loss: Loss, gathered: Gathered) -> Loss:
    """A loss with other figures, and their interval."""
    sure = interval(gathered)
    figures = {"rows": gathered.rows, "mean": gathered.mean, "spread": gathered.spread}
    return msgspec.structs.replace(loss, **figures, low=sure.low, high=sure.high)


def _any(one: slicing.Slice, rows: Rows) -> bool:
    return bool(slicing.members(one, rows.codes).any())


def _slice(basis: Basis, one: slicing.Slice, rows: Rows, understood: NDArray[np.bool_]) -> SliceQuality:
    inside = slicing.members(one, rows.codes)
    labelled = inside & understood
    value, error = measured(basis.metric, rows.target[labelled], rows.answers[labelled], basis.classes)
    estimator = basis.estimator
    return SliceQuality(
        feature=one.feature,
        value=one.value,
        rows=int(inside.sum()),
        labelled=int(labelled.sum()),
        quality=value,
        error=error,
        estimated=None if estimator is None else estimator.estimate(rows.answers[inside], rows.codes[inside]),
        held_out=None if one.promised is None else one.promised.value,
    )
