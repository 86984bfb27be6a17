"""Is the live metric worse than at the gate by more than the contract lets pass? Pure.

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

from shipworthy.contract.records import Metric
from shipworthy.models.metrics import worse_by
from shipworthy.monitoring.records import Quality

_STAKES = np.array([0.25, 0.5, 1.0])
_LARGEST = 4.0  # standard errors that one window can count for
_LEARNING = 5  # windows that show the spread between windows, before any counts
_SURE = 2.33  # standard errors of the gate's own figure that are allowed for: 99%, one-sided


class Promised(msgspec.Struct, frozen=True):
    """What the gate measured of a release."""

    value: float
    rows: int  # held out, that it was measured on


class Decline(msgspec.Struct, frozen=True):
    """Evidence after one window that the model has become worse."""

    window: int
    end: int
    log_sum: float
    worse_by: float  # than at the gate


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
