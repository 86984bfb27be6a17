"""The model answers well on the newest labelled rows, which it was not trained on: by our measure, on equal rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Gate, Metric
from shipworthy.errors import DataViolation, Undecided
from shipworthy.models.answers import Class
from shipworthy.models.metrics import HIGHER_IS_BETTER, better, measure, worse_by
from shipworthy.registry.records import Verdict

CHECK = "quality"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The same n rows, answered by everyone who is compared. Answers are (n, k) in the order of `classes`."""

    target: NDArray[np.generic]  # (n,)
    classes: Sequence[Class]  # () for regression
    candidate: NDArray[np.float64]
    baseline: NDArray[np.float64]
    live: NDArray[np.float64] | None  # None: nothing is live
    live_classes: Sequence[Class]  # the live release's own order


@dataclass(frozen=True, slots=True)
class _Measured:
    """The metric of each on the same rows."""

    candidate: float
    baseline: float
    live: float | None


def quality(gate: Gate, rows: HeldOut | None, baseline: str) -> Verdict:
    """baseline: its name. rows: None where no labelled rows were held out, or they could not be answered again."""
    if rows is None or not len(rows.target):
        return Verdict(CHECK, "undecided", "no labelled rows were held out, so that nothing can be measured")
    try:
        measured = _measure(gate.metric, rows)
    except (Undecided, DataViolation) as error:
        return Verdict(CHECK, "undecided", str(error), {"rows": len(rows.target), "metric": gate.metric})
    against = [line for line in _against(gate, measured, baseline) if line]
    figures: dict[str, float | str | None] = {
        "metric": gate.metric,
        "candidate": measured.candidate,
        "baseline": measured.baseline,
        "live": measured.live,
        "limit": gate.minimum,
        "margin": gate.margin,
        "rows": len(rows.target),
    }
    told = f"{_told(gate.metric, measured, baseline)}, on the newest {len(rows.target):,} labelled rows"
    if against:
        return Verdict(CHECK, "blocked", f"{' and '.join(against)} ({told})", figures)
    return Verdict(CHECK, "passed", told, figures)


def _measure(metric: Metric, rows: HeldOut) -> _Measured:
    return _Measured(
        candidate=_finite(metric, "the candidate", measure(metric, rows.target, rows.candidate, rows.classes)),
        baseline=measure(metric, rows.target, rows.baseline, rows.classes),
        live=None if rows.live is None else measure(metric, rows.target, rows.live, rows.live_classes),
    )


def _finite(metric: Metric, who: str, value: float) -> float:
    if not np.isfinite(value):
        raise Undecided(f"{metric} of {who} is {value}: some of its answers are no numbers")
    return value


def _against(gate: Gate, measured: _Measured, baseline: str) -> list[str]:
    return [
        _beyond_limit(gate, measured.candidate),
        _no_better(gate.metric, measured, baseline),
        _worse_than_live(gate, measured),
    ]


def _beyond_limit(gate: Gate, value: float) -> str:
    if gate.minimum is None or value == gate.minimum or better(gate.metric, value, gate.minimum):
        return ""
    if gate.metric in HIGHER_IS_BETTER:
        return f"{gate.metric} {value:.4g} is below the minimum of {gate.minimum:.4g}"
    return f"{gate.metric} {value:.4g} is above the maximum of {gate.minimum:.4g}"


def _no_better(metric: Metric, measured: _Measured, baseline: str) -> str:
    if better(metric, measured.candidate, measured.baseline):
        return ""
    return f"{metric} {measured.candidate:.4g} does not beat {measured.baseline:.4g} of the baseline {baseline!r}"


def _worse_than_live(gate: Gate, measured: _Measured) -> str:
    if measured.live is None:
        return ""
    worse = worse_by(gate.metric, measured.candidate, measured.live)
    if worse <= gate.margin:
        return ""
    return (
        f"{gate.metric} {measured.candidate:.4g} is worse than {measured.live:.4g} of the live release by {worse:.4g}, "
        f"more than the margin of {gate.margin:.4g}"
    )


def _told(metric: Metric, measured: _Measured, baseline: str) -> str:
    live = "nothing is live" if measured.live is None else f"the live release {measured.live:.4g}"
    return f"{metric} {measured.candidate:.4g}, baseline {baseline!r} {measured.baseline:.4g}, {live}"
