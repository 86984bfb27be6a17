"""Which requests can be answered in time, and what answering costs. Pure.

All requests of a tick are answered together, after a + b·n seconds for n rows, and after the refusals of those that are
not taken. One more request makes all of them wait longer, so it is taken only if every one taken before it, and itself,
is still answered within its deadline.

What is held in reserve is what was seen to be needed: a quarter at least, and as much as nearly all of the last ticks
took longer than expected. A reserve costs little, because a shorter tick has the next one begin earlier.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from heapq import nlargest

import msgspec

MARGIN = 1.25  # what the cost of a tick is multiplied with, at least, before it is promised
REMEMBERED = 64  # ticks whose overrun is remembered
STALE = 1.0  # seconds after the last observation when a pace that leaves room for nobody is no longer believed
RARE = 2  # the overrun that is reckoned with is the second longest of these: the longest may be a hiccup
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


class Pace(msgspec.Struct, frozen=True, gc=False):
    """What is known of a worker's ticks."""

    cost: Cost = Cost()
    overruns: tuple[float, ...] = ()  # seconds that the last ticks took longer than expected, the newest first
    refusal: float = 0.0  # seconds that one refusal takes

    def after(self, rows: int, seconds: float) -> Pace:
        """With one more tick."""
        overrun = seconds - self.cost.predicted(rows)
        return Pace(self.cost.after(rows, seconds), (overrun, *self.overruns[: REMEMBERED - 1]), self.refusal)

    def after_refusals(self, refusals: int, seconds: float) -> Pace:
        """With some more refusals, at least one, that took so long together."""
        each = seconds / refusals
        if self.refusal:
            each = FORGET * self.refusal + (1 - FORGET) * min(each, STRAY * self.refusal)
        return Pace(self.cost, self.overruns, each)

    @property
    def overrun(self) -> float:
        """Seconds that a tick may take longer than expected."""
        if len(self.overruns) < RARE:
            return 0.0
        return max(0.0, nlargest(RARE, self.overruns)[-1])


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A request to decide on."""

    rows: int
    left: float = math.inf  # seconds until its deadline


def admitted(asks: Sequence[Ask], pace: Pace) -> list[bool]:
    """Whether each of a tick's requests is taken, earlier ones first; one without a deadline always is.

    An overrun is reckoned with up to half of the time that is left: where ticks are as irregular as deadlines are long,
    some will be late, and refusing everybody would help nobody.
    """
    rows = sum(ask.rows for ask in asks if ask.left == math.inf)
    others = sum(ask.left != math.inf for ask in asks)  # to be refused, as far as is known
    overrun = pace.overrun
    tightest = math.inf
    taken = []
    for ask in asks:
        if ask.left == math.inf:
            taken.append(True)
            continue
        left = min(tightest, ask.left)
        expected = pace.cost.predicted(rows + ask.rows)
        refusing = pace.refusal * (others - 1)
        fits = max(MARGIN * expected, expected + min(overrun, left / 2)) + refusing <= left
        if fits:
            rows += ask.rows
            others -= 1
            tightest = left
        taken.append(fits)
    return taken


def decided(asks: Sequence[Ask], pace: Pace, usual: Pace, quiet: float) -> tuple[list[bool], Pace]:
    """Who is `admitted`, and the pace that was believed; the last observation was `quiet` seconds ago.

    Nothing that is refused says what it would have cost: what bad times taught would keep everybody out for ever.
    """
    taken = admitted(asks, pace)
    if quiet > STALE and not any(taken):
        pace = usual
        taken = admitted(asks, pace)
    return taken, pace
