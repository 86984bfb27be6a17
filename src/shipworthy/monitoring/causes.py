"""What an alarm says of the payoffs that moved: which bins, and how much of the output's change goes with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.windows import Counts, add, empty
from shipworthy.monitoring.records import Explained, ExplainedBin, MovedBin

_SHOWN = 3  # bins of a payoff
_NAMED = 3  # features in a sentence
_HARDLY = 0.01  # of the score's scale: less is no change that shares could be given of


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


def grown(payoff: Payoff, counts: NDArray[np.int64]) -> int:
    """Index of the bin whose share grew most. counts: (bins,) since the drift began."""
    before, after = _shares(payoff, counts)
    return int(np.argmax(after - before))


def explained(reference: Reference, since: Counts, chosen: Sequence[int]) -> tuple[Explained, ...]:
    """The features among the chosen payoffs by |sum of (q_k - p_k) x mean score in bin k|, the largest first.

    p: the reference's shares, q: those since the drift began. A bin in which nothing was seen has the overall mean.
    """
    counts, sums = since.of_payoffs(reference), since.scores_of_payoffs(reference)
    found = [
        _explained(reference, reference.payoffs[index], counts[index], sums[index])
        for index in chosen
        if reference.payoffs[index].origin == "feature" and since.rows
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.change), one.feature)))


def _explained(
    reference: Reference,
    payoff: Payoff,
    counts: NDArray[np.int64],
    sums: NDArray[np.float64],
    shown: int = _SHOWN,
) -> Explained:
    before, after = _shares(payoff, counts)
    overall = sums.sum() / max(1, int(counts.sum()))
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), overall)
    parts = (after - before) * (mean - overall)  # shares change by nothing in all, so that these add up to the same
    order = np.argsort(-np.abs(parts), kind="stable")[:shown]
    bins = tuple(
        ExplainedBin(
            payoff.bins.labels[i],
            float(before[i]),
            float(after[i]),
            reference.score_low + float(mean[i]),
            float(parts[i]),
        )
        for i in order
        if parts[i]
    )
    return Explained(payoff.name, float(((after - before) * mean).sum()), bins)


def unexplained(change: float | None, found: Sequence[Explained]) -> float | None:
    """What is left of the score's change when all that goes with shifts of features is taken off."""
    return None if change is None else change - sum(one.change for one in found)


def in_words(reference: Reference, change: float | None, found: Sequence[Explained]) -> str:
    """What the answers did, what of it goes with which feature, and what stays unexplained; "" where nobody knows."""
    left = unexplained(change, found)
    if change is None or left is None:
        return ""
    answer = next((payoff.name for payoff in reference.payoffs if payoff.origin == "output"), "answer")
    named = " and ".join(f"{one.change:+.3g} with {one.feature}" for one in found[:_NAMED])
    if abs(change) < _HARDLY * (reference.score_high - reference.score_low):
        tail = f", though {named} would go" if found else ""
        return f"the mean {answer} has hardly changed ({change:+.2g}){tail}"
    begin = f"the mean {answer} has changed by {change:+.3g}"
    if not found:
        return f"{begin}, none of which goes with the shift of a feature: all of it is unexplained"
    share = left / change
    if share < 0:
        return f"{begin}; {named} would go, more than all of it, because features move together"
    if share > 1:
        return f"{begin}; {named} would go, the other way: all of it is unexplained"
    return f"{begin}, of it {named}; {share:.0%} is unexplained"


def score_change(reference: Reference, since: Counts) -> float | None:
    """Mean score since the drift began, less that of the rows held out."""
    if not since.rows:
        return None
    above_low = float(since.scores_of_payoffs(reference)[0].sum()) / since.rows
    return reference.score_low + above_low - reference.score_mean


def _shares(payoff: Payoff, counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    before = np.asarray(payoff.counts, dtype=np.float64)
    return before / before.sum(), counts / max(1, int(counts.sum()))
