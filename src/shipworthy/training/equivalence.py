"""Whether a model can be told apart from those that its recipe makes with other seeds. Pure.

If the recipe still makes the models that it made, the run is one more of them: run and retrained models are
exchangeable, and the run is the strangest of n + 1 in one case of n + 1. That is the conformal test of exchangeability
(Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005, section 2.2): with a measure of strangeness that
treats all of them alike, p = #{i : strangeness_i >= strangeness_run} / (n + 1) is at most t with probability at most t.
It needs no distribution, and holds for every n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy.lineage.records import Equivalence
from shipworthy.training.ladder import Answers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Model:
    """What is compared of one."""

    answers: Answers  # (rows, k), to the frozen probes
    metric: float  # on the rows held out


def equivalence(run: Model, others: Sequence[Model], seeds: Sequence[int], metric: str) -> Equivalence:
    """The test of the run against n models of other seeds, all with answers of one shape.

    The strangeness of a model is the larger of two figures, each in proportion to its median over all models: the mean
    distance of its answers from the others', and how far its metric lies from the others' median.
    """
    models = [run, *others]
    distances = _distances([model.answers for model in models])
    far = distances.sum(axis=1) / (len(models) - 1)
    strangeness = np.maximum(_scaled(far), _scaled(_apart(np.array([model.metric for model in models]))))
    metrics = [model.metric for model in others]
    return Equivalence(
        seeds=tuple(seeds),
        probability=float(np.mean(strangeness >= strangeness[0])),
        level=1 / len(models),
        metric=metric,
        run=run.metric,
        lowest=min(metrics),
        highest=max(metrics),
        distance=float(far[0]),
        typical=float(np.median(distances[1:, 1:][~np.eye(len(others), dtype=bool)])),
    )


def told_apart(found: Equivalence) -> bool:
    """Whether the run is another model than its recipe makes now."""
    return found.probability <= found.level * (1 + 1e-9)


def told(found: Equivalence) -> str:
    """The outcome in words."""
    verdict = "told apart from" if told_apart(found) else "not told apart from"
    return (
        f"{verdict} {len(found.seeds)} trainings with other seeds (conformal test at {1 - found.level:.0%} confidence, "
        f"p = {found.probability:.3g}): {found.metric} {found.run:.4g} then, {found.lowest:.4g} to {found.highest:.4g} "
        f"now; its answers differ from theirs by {found.distance:.3g}, theirs from each other by {found.typical:.3g}"
    )


def _distances(answers: Sequence[Answers]) -> Floats:
    """(m, m): root mean square between the answers of each two; where one has no answer and the other has, 1."""
    found = np.zeros((len(answers), len(answers)))
    for i, a in enumerate(answers):
        for j in range(i):
            b = answers[j]
            absent = np.isnan(a) | np.isnan(b)
            with np.errstate(invalid="ignore"):
                difference = np.where(absent, (np.isnan(a) != np.isnan(b)).astype(np.float64), a - b)
            found[i, j] = found[j, i] = np.sqrt(np.mean(np.square(difference)))
    return found


def _apart(values: Floats) -> Floats:
    """(m,): how far each lies from the median of the others."""
    others = [float(np.median(np.delete(values, place))) for place in range(len(values))]
    apart: Floats = np.abs(values - np.array(others))
    return apart


def _scaled(values: Floats) -> Floats:
    """(m,): in proportion to their median; where that is nothing, whatever is something is beyond all measure."""
    median = float(np.median(values))
    scaled: Floats = values / median if median > 0 else np.where(values > 0, np.inf, 0.0)
    return scaled
