"""A bet that more rows fall into a set than the reference and its tolerance allow.

Shekhar and Ramdas, arXiv 2112.09162 (testing by betting); Podkopaev and Ramdas, 2110.06177 (with a tolerance).
With c the largest share that is no drift, s of N rows in the set and a stake of l:
    rows one by one   log L = s log(1 + l (1 - c)) + (N - s) log(1 - l c)    rows must not depend on each other
    one bet a window      L = 1 + l (s / N - c)                             rows of a window may depend as they like
Under no drift L has expectation at most 1, given the past.

Where rows are told apart by groups h of slots, each group has a centre of its own, c_h = p_h + r, and
    rows one by one   log L = sum over h of the above      one bet a window   L = 1 + l (s / N - sum_h N_h c_h / N)
Drift is then the share of rows that moved, group by group: sum_h N_h TV(P_h, p_h) / N <= delta. E L stays at most 1
however that is spread over the groups, because the logarithm is concave:
    sum_h N_h log(1 + l (P_h - c_h)) <= N log(1 + l sum_h N_h (P_h - c_h) / N) <= 0
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.radius import Radius

Floats = NDArray[np.float64]
Bets = Literal["row", "window"]

STAKES: Floats = np.array([0.05, 0.1, 0.2, 0.4, 0.8])
# What each stake is given of a set's fortune: most to those that win soonest where twice what is allowed has moved.
_GIVEN: Floats = np.array([0.5, 1.0, 2.0, 3.0, 1.0])
_SURE = {"row": 1 - 1e-6, "window": 0.98}  # a set that may hold (nearly) everything leaves nothing to bet on
_LOST = 1.2  # a group's centre up to which its rows can be bet on with the largest stake and something is left


class Witness(Protocol):
    """A family of experts, each with its own fortune."""

    log_weights: Floats  # (experts,) log of what each has to begin with; their sum is 1

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """(experts,) log L of a window of counts (groups, bins), and (experts,) which of them bet at all."""
        ...

    def learn(self, counts: Floats) -> None:
        """Let the window become past."""
        ...


def staked(weights: Floats) -> Floats:
    """(sets x stakes,) log weights of the experts that bet on sets of these weights, (sets,)."""
    given = np.outer(weights / weights.sum(), _GIVEN / _GIVEN.sum()).ravel()
    logs: Floats = np.log(np.maximum(given, np.finfo(np.float64).tiny))
    return logs


class Sets:
    """Bets on several sets, with every stake on each."""

    def __init__(self, sets: Floats, reference: Floats, radius: Radius, bets: Bets) -> None:
        """sets: (sets, bins) of 0 and 1; reference: (groups, bins) shares; radius: drift and the reference's error."""
        self._sets, self._radius, self._bets = sets, radius, bets
        self._shares = reference @ sets.T  # (groups, sets)

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """(sets x stakes,) log L of a window of counts (groups, bins), and which of them bet at all."""
        held = counts.sum(axis=1)
        there = held > 0
        rows, radius = held[there, None], self._radius.of(held)
        centres = self._shares[there] + radius
        centre = (rows * centres).sum(axis=0) / rows.sum()
        able = centre < _SURE[self._bets]
        inside = counts[there] @ self._sets.T
        if self._bets == "window":
            share = inside.sum(axis=0) / rows.sum()
            found = np.log1p(STAKES * (share - np.minimum(centre, _SURE["window"]))[:, None])
        else:
            able &= centres.max(axis=0) < _LOST
            capped = np.minimum(centres, _LOST)[:, :, None]
            won, lost = np.log1p(STAKES * (1 - capped)), np.log1p(-STAKES * capped)
            found = (inside[:, :, None] * won + (rows - inside)[:, :, None] * lost).sum(axis=0)
        betting = np.repeat(able, len(STAKES))
        return np.where(betting, found.ravel(), 0.0), betting
