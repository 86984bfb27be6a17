"""Sets that are learned: the bins which the recent past held more of than the reference does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.witnesses.wager import STAKES, Bets, Floats, Sets

HALF_LIVES: Floats = np.array([1.0, 5.0, 25.0])  # windows


class Learned:
    """One set a half-life; there is no bet while a set is empty."""

    experts = len(HALF_LIVES) * len(STAKES)

    def __init__(self, reference: Floats, radius: float, bets: Bets) -> None:
        self._reference, self._radius, self._bets = reference, radius, bets
        self._past = np.zeros((len(HALF_LIVES), len(reference)))
        self._decay = 0.5 ** (1 / HALF_LIVES)[:, None]

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """See `Witness`."""
        chosen = self._past > self._past.sum(axis=1, keepdims=True) * self._reference
        sets = Sets(chosen.astype(np.float64), self._reference, self._radius, self._bets)
        betting = sets.betting & np.repeat(chosen.any(axis=1), len(STAKES))
        return np.where(betting, sets.log_l(counts), 0.0), betting

    def learn(self, counts: Floats) -> None:
        """See `Witness`. Where a window counts once, a large one weighs no more than a small one."""
        self._past = self._past * self._decay + (counts / counts.sum() if self._bets == "window" else counts)
