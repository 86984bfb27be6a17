"""What an alarm says of the payoffs that moved: which bins, and how much of the output's change goes with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.windows import Counts, add, empty
from shipworthy.monitoring.records import Explained, MovedBin

_SHOWN = 3  # bins of a payoff


def total(reference: Reference, windows: Sequence[Counts]) -> Counts:
    """Several windows as one."""
    together = empty(reference)
    for counts in windows:
        together = add(together, counts)
    return together


def moved_bins(payoff: Payoff, counts: NDArray[np.int64]) -> tuple[MovedBin, ...]:
    """The bins whose share changed most, the largest change first. counts: (bins,) since the drift began."""
    before, after = _shares(payoff, counts)
    order = np.argsort(-np.abs(after - before), kind="stable")[:_SHOWN]
    return tuple(MovedBin(payoff.bins.labels[i], float(before[i]), float(after[i])) for i in order)


def distance(payoff: Payoff, counts: NDArray[np.int64]) -> float:
    """Total variation between the reference and counts, (bins,)."""
    before, after = _shares(payoff, counts)
    return float(np.abs(after - before).sum() / 2)


def explained(reference: Reference, since: Counts, chosen: Sequence[int]) -> tuple[Explained, ...]:
    """The features among the chosen payoffs by |sum of (q_k - p_k) x mean score in bin k|, the largest first.

    p: the reference's shares, q: those since the drift began. A bin in which nothing was seen has the overall mean.
    """
    counts, sums = since.of_payoffs(reference), since.scores_of_payoffs(reference)
    found = []
    for index in chosen:
        payoff = reference.payoffs[index]
        if payoff.origin != "feature" or not since.rows:
            continue
        before, after = _shares(payoff, counts[index])
        overall = sums[index].sum() / since.rows
        mean = np.where(counts[index] > 0, sums[index] / np.maximum(counts[index], 1), overall)
        found.append(Explained(payoff.name, float(((after - before) * mean).sum())))
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.feature)))


def score_change(reference: Reference, since: Counts) -> float | None:
    """Mean score since the drift began, less that of the rows held out."""
    if not since.rows:
        return None
    above_low = float(since.scores_of_payoffs(reference)[0].sum()) / since.rows
    return reference.score_low + above_low - reference.score_mean


def _shares(payoff: Payoff, counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    before = np.asarray(payoff.counts, dtype=np.float64)
    return before / before.sum(), counts / max(1, int(counts.sum()))
