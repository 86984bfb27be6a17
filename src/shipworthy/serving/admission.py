"""Which requests can be answered in time, and what answering costs. Pure.

All requests of a tick are answered together, after a + b·n seconds for n rows. One more request makes all of them wait
longer, so it is taken only if every one taken before it, and itself, is still answered within its deadline.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

MARGIN = 1.25  # what the cost of a tick is multiplied with before it is promised
FORGET = 0.95  # weight of all that was seen before, at each new observation
STRAY = 4.0  # an observation counts as at most so many times what was expected: one hiccup is no new model


class Cost(msgspec.Struct, frozen=True, gc=False):
    """What was observed of ticks: decaying sums over rows n and seconds t."""

    weight: float = 0.0
    rows: float = 0.0  # Σn
    seconds: float = 0.0  # Σt
    squares: float = 0.0  # Σn²
    products: float = 0.0  # Σnt

    @classmethod
    def of(cls, observations: Iterable[tuple[int, float]]) -> Cost:
        """From rows and seconds of some ticks, all of equal weight."""
        cost = cls()
        for rows, seconds in observations:
            cost = cost._with(rows, seconds, 1.0)
        return cost

    def after(self, rows: int, seconds: float) -> Cost:
        """With one more tick. One that took far longer than expected counts as a longer one, not as that long."""
        if self.weight:
            seconds = min(seconds, STRAY * self.predicted(rows))
        return self._with(rows, seconds, FORGET)

    def predicted(self, rows: float) -> float:
        """Seconds for so many rows: least squares, with a and b from 0 up. 0 before anything was observed."""
        fixed, each = self.line()
        return fixed + each * rows

    def line(self) -> tuple[float, float]:
        """Seconds a tick (a) and seconds a row (b)."""
        if not self.weight:
            return 0.0, 0.0
        rows, seconds = self.rows / self.weight, self.seconds / self.weight
        spread = self.squares / self.weight - rows * rows
        if spread <= 1e-3 * rows * rows:  # all ticks had as many rows: nothing tells a from b
            return 0.0, seconds / rows if rows else 0.0
        each = (self.products / self.weight - rows * seconds) / spread
        each = min(max(each, 0.0), seconds / rows)
        return seconds - each * rows, each

    def _with(self, rows: int, seconds: float, kept: float) -> Cost:
        return Cost(
            kept * self.weight + 1.0,
            kept * self.rows + rows,
            kept * self.seconds + seconds,
            kept * self.squares + rows * rows,
            kept * self.products + rows * seconds,
        )


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A request to decide on."""

    rows: int
    left: float = math.inf  # seconds until its deadline


def admitted(asks: Sequence[Ask], cost: Cost) -> list[bool]:
    """Whether each of a tick's requests is taken, earlier ones first; one without a deadline always is."""
    rows = sum(ask.rows for ask in asks if ask.left == math.inf)
    tightest = math.inf
    taken = []
    for ask in asks:
        if ask.left == math.inf:
            taken.append(True)
            continue
        needed = MARGIN * cost.predicted(rows + ask.rows)
        fits = needed <= min(tightest, ask.left)
        if fits:
            rows += ask.rows
            tightest = min(tightest, ask.left)
        taken.append(fits)
    return taken
