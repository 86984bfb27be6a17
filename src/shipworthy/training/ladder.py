"""How alike a run and its rebuild are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Task
from shipworthy.lineage.records import Environment, ReachedRung

Answers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Made:
    """What came out of a training, as far as two of them are compared."""

    model_digest: str
    canonical_digest: str | None
    prediction_digest: str  # of `answers`, bit by bit
    answers: Answers  # (n, k), on the frozen probes
    classes: tuple[bool | int | float | str, ...]
    metrics: Mapping[str, float]
    environment: Environment


@dataclass(frozen=True, slots=True)
class Likeness:
    """The rung reached, the largest difference of any answer, and what differs, in plain words."""

    rung: ReachedRung
    largest_difference: float | None  # None: the answers cannot be compared
    differences: tuple[str, ...]


def compare(run: Made, rebuilt: Made, task: Task, tolerance: float) -> Likeness:
    """The highest rung of the ladder that the rebuilt model reaches; each rung holds all that are below it."""
    largest = largest_difference(run.answers, rebuilt.answers, task) if run.classes == rebuilt.classes else None
    rung = _rung(run, rebuilt, largest, tolerance)
    return Likeness(rung, largest, tuple(_differences(run, rebuilt, largest, tolerance)))


def largest_difference(a: Answers, b: Answers, task: Task) -> float | None:
    """Of probabilities as they are, of predictions in proportion to their size where that is over 1. None: shapes
    differ. Infinite where one has an answer and the other none.
    """
    if a.shape != b.shape:
        return None
    if not a.size:
        return 0.0
    with np.errstate(invalid="ignore"):
        difference = np.abs(a - b)
        scale = np.maximum(1.0, np.abs(a)) if task == "regression" else np.ones_like(a)
        relative = difference / scale
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    relative = np.where(same, 0.0, np.where(np.isfinite(relative), relative, np.inf))
    return float(relative.max())


def _rung(run: Made, rebuilt: Made, largest: float | None, tolerance: float) -> ReachedRung:
    if run.prediction_digest == rebuilt.prediction_digest and run.classes == rebuilt.classes:
        if run.model_digest == rebuilt.model_digest:
            return "bit-identical"
        if run.canonical_digest is not None and run.canonical_digest == rebuilt.canonical_digest:
            return "canonical-identical"
        return "prediction-identical"
    return "within-tolerance" if largest is not None and largest <= tolerance else "different"


def _differences(run: Made, rebuilt: Made, largest: float | None, tolerance: float) -> list[str]:
    found = []
    if run.model_digest != rebuilt.model_digest:
        found.append(f"the model file: {run.model_digest[:12]} then, {rebuilt.model_digest[:12]} now")
    if run.canonical_digest != rebuilt.canonical_digest:
        found.append("the model itself: trees, coefficients or parameters")
    if run.classes != rebuilt.classes:
        found.append(f"the classes: {list(run.classes)} then, {list(rebuilt.classes)} now")
    if run.answers.shape != rebuilt.answers.shape:
        found.append(f"the shape of the answers: {run.answers.shape} then, {rebuilt.answers.shape} now")
    elif run.prediction_digest != rebuilt.prediction_digest:
        rows = int(np.any(_unlike(run.answers, rebuilt.answers), axis=1).sum())
        by = f"at most by {largest or 0:.3g} (tolerance {tolerance:g})"
        found.append(f"the answers to {rows} of {len(run.answers)} probes, {by}")
    found += _metrics(run.metrics, rebuilt.metrics)
    return found + environments(run.environment, rebuilt.environment)


def _unlike(a: Answers, b: Answers) -> NDArray[np.bool_]:
    unlike: NDArray[np.bool_] = (a != b) & ~(np.isnan(a) & np.isnan(b))
    return unlike


def _metrics(then: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    names = sorted({*then, *now})
    changed = (name for name in names if repr(then.get(name)) != repr(now.get(name)))
    return [f"the metric {name}: {then.get(name)} then, {now.get(name)} now" for name in changed]


def environments(then: Environment, now: Environment) -> list[str]:
    """In what two environments differ, in plain words."""
    pairs = {
        "the Python": (then.python, now.python),
        "the platform": (then.platform, now.platform),
        "the processor": (then.processor, now.processor),
        "the linear algebra": (", ".join(then.blas), ", ".join(now.blas)),
        "the threads": (then.threads, now.threads),
        "the program": (then.program, now.program),
    }
    found = [f"{what}: {a} then, {b} now" for what, (a, b) in pairs.items() if a != b]
    for name in sorted({*then.distributions, *now.distributions}):
        a, b = then.distributions.get(name), now.distributions.get(name)
        if a != b:
            found.append(f"{name}: {a or 'missing'} then, {b or 'missing'} now")
    return found
