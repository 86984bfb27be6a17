"""What is watched of the answers: score and confidence of a classification, the prediction of a regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TWO_CLASSES = 2


def watched(answers: NDArray[np.float64]) -> tuple[tuple[str, NDArray[np.float64]], ...]:
    """Names and values, (n,) each, of answers (n, k); the first of them is the one whose sums are kept a bin.

    k = 1: predictions of a regression. Else probabilities: the score is that of the last of two classes, of the
    likeliest of more; the confidence is the highest.
    """
    if answers.shape[1] == 1:
        return (("prediction", answers[:, 0]),)
    highest = answers.max(axis=1)
    score = answers[:, -1] if answers.shape[1] == _TWO_CLASSES else highest
    return ("score", score), ("confidence", highest)
