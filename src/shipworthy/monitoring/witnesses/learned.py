"""Sets that are learned: the bins which the recent past held more of than the reference does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.radius import Radius
from shipworthy.monitoring.witnesses.wager import STAKES, Bets, Floats, Sets, staked

HALF_LIVES: Floats = np.array([1.0, 5.0, 25.0])  # windows


class Past:
    """What the recent past held, at several half-lives, and what the reference holds of as many rows of its groups."""

    def __init__(self, reference: Floats, half_lives: Floats, bets: Bets) -> None:
        """reference: (groups, bins) shares."""
        self._reference, self._bets = reference, bets
        self._decay = 0.5 ** (1 / half_lives)[:, None]
        self.seen = np.zeros((len(half_lives), reference.shape[1]))
        self._rows = np.zeros((len(half_lives), len(reference)))

    @property
    def expected(self) -> Floats:
        """(half-lives, bins) what there would be without drift."""
        return self._rows @ self._reference

    def learn(self, counts: Floats) -> None:
        """Where a window counts once, a large one weighs no more than a small one."""
        weight = 1 / counts.sum() if self._bets == "window" else 1.0
        self.seen = self.seen * self._decay + counts.sum(axis=0) * weight
        self._rows = self._rows * self._decay + counts.sum(axis=1) * weight


class Learned:
    """One set a half-life, the same in all groups; there is no bet while a set is empty."""

    log_weights = staked(np.ones(len(HALF_LIVES)))

    def __init__(self, reference: Floats, radius: Radius, bets: Bets) -> None:
        self._reference, self._radius, self._bets = reference, radius, bets
        self._past = Past(reference, HALF_LIVES, bets)

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """See `Witness`."""
        chosen = self._past.seen > self._past.expected
        log_l, able = Sets(chosen.astype(np.float64), self._reference, self._radius, self._bets).bet(counts)
        betting = able & np.repeat(chosen.any(axis=1), len(STAKES))
        return np.where(betting, log_l, 0.0), betting

    def learn(self, counts: Floats) -> None:
        """See `Witness`."""
        self._past.learn(counts)
