"""What is watched of the answers: score and confidence of a classification, the prediction of a regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNIT = 1_000_000  # scores are summed as whole numbers of 1/UNIT of their scale
_TWO_CLASSES = 2


def watched(answers: NDArray[np.float64]) -> tuple[tuple[str, NDArray[np.float64]], ...]:
    """Names and values, (n,) each, of answers (n, k); the first of them is the one whose sums are kept a bin.

    k = 1: predictions of a regression. Else probabilities: the score is that of the last of two classes, of the
    likeliest of more; the confidence is the highest.
    """
    if answers.shape[1] == 1:
        return (("prediction", answers[:, 0]),)
    highest = answers[:, 0]
    for other in answers.T[1:]:  # few and long: much faster than a maximum a row
        highest = np.maximum(highest, other)
    score = answers[:, -1] if answers.shape[1] == _TWO_CLASSES else highest
    return ("score", score), ("confidence", highest)


def whole_scores(scores: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Scores as whole numbers of UNIT from low to high; outside the scale they count as its end, null as its beginning.

    Sums of them are exact whatever their order, as long as they stay below 2**53.
    """
    share = scores - low  # one array, changed in place: there may be many rows
    share /= high - low
    share[np.isnan(share)] = 0.0
    np.clip(share, 0.0, 1.0, out=share)
    share *= UNIT
    return np.rint(share, out=share)
