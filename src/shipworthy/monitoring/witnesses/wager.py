"""A bet that more rows fall into a set than the reference and its tolerance allow.

Shekhar and Ramdas, arXiv 2112.09162 (testing by betting); Podkopaev and Ramdas, 2110.06177 (with a tolerance).
With c the largest share that is no drift, s of N rows in the set and a stake of l:
    rows one by one   log L = s log(1 + l (1 - c)) + (N - s) log(1 - l c)    rows must not depend on each other
    one bet a window      L = 1 + l (s / N - c)                             rows of a window may depend as they like
Under no drift L has expectation at most 1, given the past.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bets = Literal["row", "window"]

STAKES: Floats = np.array([0.05, 0.1, 0.2, 0.4, 0.8])
_SURE = {"row": 1 - 1e-6, "window": 0.98}  # a set that may hold (nearly) everything leaves nothing to bet on


class Witness(Protocol):
    """A family of experts, each with its own fortune."""

    experts: int

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """(experts,) log L of a window of counts (bins,), and (experts,) which of them bet at all."""
        ...

    def learn(self, counts: Floats) -> None:
        """Let the window become past."""
        ...


class Sets:
    """Bets on several sets, with every stake on each."""

    def __init__(self, sets: Floats, reference: Floats, radius: float, bets: Bets) -> None:
        """sets: (sets, bins) of 0 and 1; reference: (bins,) shares; radius: drift allowed and the reference's error."""
        self._sets = sets
        self._bets = bets
        centre = sets @ reference + radius
        self.betting = np.repeat(centre < _SURE[bets], len(STAKES))
        self._centre = np.minimum(centre, _SURE[bets])[:, None]

    def log_l(self, counts: Floats) -> Floats:
        """(sets x stakes,) log L of a window of counts (bins,)."""
        inside = (self._sets @ counts)[:, None]
        rows = counts.sum()
        if self._bets == "window":
            found = np.log1p(STAKES * (inside / rows - self._centre))
        else:
            won, lost = np.log1p(STAKES * (1 - self._centre)), np.log1p(-STAKES * self._centre)
            found = inside * won + (rows - inside) * lost
        return np.where(self.betting, found.ravel(), 0.0)
