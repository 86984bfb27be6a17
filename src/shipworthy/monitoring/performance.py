"""Is the live metric worse than on the rows held out by more than the contract lets pass? Pure.

Each settled window says by how much it is worse, in standard errors beyond what is allowed; a Shiryaev-Roberts sum over
windows gathers that, on the same scale as evidence of drift: L = exp(l z - l^2 / 2), averaged over l. That is a valid
bet where z is about normal: so a window needs enough labels, z is cut off above, and the spread between windows (a bad
week) counts beside that within them. Unlike the evidence of drift this holds in the limit only, not for few rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Metric
from shipworthy.models.answers import Class
from shipworthy.models.metrics import worse_by
from shipworthy.monitoring.quality import value_of
from shipworthy.monitoring.records import Quality

_STAKES = np.array([0.25, 0.5, 1.0])
_LARGEST = 4.0  # standard errors that one window can count for
_LEARNING = 5  # windows that show the spread between windows, before any counts
_SURE = 2.33  # standard errors of the gate's own figure that are allowed for: 99%, one-sided


class Promised(msgspec.Struct, frozen=True):
    """What live windows are held against: the metric on the rows held out."""

    value: float
    rows: int  # that it was measured on
    windows: int = 1  # whose mean it is; 1 where the rows have no times, or all lie in one


class Decline(msgspec.Struct, frozen=True):
    """Evidence after one window that the model has become worse."""

    window: int
    end: int
    log_sum: float
    worse_by: float  # than on the rows held out


def promised(
    metric: Metric,
    target: NDArray[np.generic],
    answers: NDArray[np.float64],
    classes: Sequence[Class],
    windows: NDArray[np.int64] | None,
) -> Promised | None:
    """The metric on n labelled rows as the mean of their windows, by rows; None where no window has a value.

    target: (n,), answers: (n, k), windows: (n,) each row's, in any numbering; None: they have no times. Windows are
    compared with windows: an AUC across days is higher than one within them, because it is easier to tell a bad day
    from a good one than the rows of one day from each other.
    """
    groups = np.zeros(len(target), dtype=np.int64) if windows is None else windows
    order = np.argsort(groups, kind="stable")
    begins = np.flatnonzero(np.diff(groups[order], prepend=groups.min() - 1 if len(groups) else 0))
    total, rows, found = 0.0, 0, 0
    for inside in np.split(order, begins[1:]):
        value = value_of(metric, target[inside], answers[inside], classes)
        if value is not None:
            total, rows, found = total + value * len(inside), rows + len(inside), found + 1
    return Promised(total / rows, rows, found) if rows else None


def declines(metric: Metric, qualities: Sequence[Quality], promised: Promised, allowed: float) -> list[Decline]:
    """The evidence after each window that has a value and an error, oldest first; the others say nothing."""
    usable = [quality for quality in qualities if quality.value is not None and quality.error]
    sums = np.full(len(_STAKES), -np.inf)
    found: list[Decline] = []
    worse = [worse_by(metric, quality.value or 0.0, promised.value) for quality in usable]
    errors = [quality.error or 0.0 for quality in usable]
    for index, quality in enumerate(usable):
        if index >= _LEARNING:
            of_gate = errors[index] * sqrt(quality.labelled / max(1, promised.rows))
            spread = sqrt(errors[index] ** 2 + _between(worse[:index], errors[:index]))
            z = min(_LARGEST, (worse[index] - allowed - _SURE * of_gate) / spread)
            sums = np.logaddexp(sums, 0.0) + _STAKES * z - _STAKES**2 / 2
        found.append(Decline(quality.window, quality.end, float(np.logaddexp.reduce(sums)) - _LOG_STAKES, worse[index]))
    return found


def begun(evidence: Sequence[Decline]) -> int:
    """Start of the window after which the evidence, at least one window long, has only grown."""
    start = evidence[-1].window
    for later, earlier in zip(reversed(evidence), reversed(evidence[:-1]), strict=False):
        if earlier.log_sum >= later.log_sum or earlier.log_sum < 0:
            break
        start = earlier.window
    return start


_LOG_STAKES = float(np.log(len(_STAKES)))


def _between(values: Sequence[float], errors: Sequence[float]) -> float:
    """Variance between windows beyond that within them, which DerSimonian and Laird's moment estimate gives."""
    return max(0.0, float(np.var(values, ddof=1)) - float(np.mean(np.square(errors))))
