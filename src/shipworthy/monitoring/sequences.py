"""An interval for a mean that holds at every moment at once, however often anybody looks. Pure.

The empirical-Bernstein confidence sequence of Howard, Ramdas, McAuliffe and Sekhon (Annals of Statistics, 2021,
theorem 4 with the stitched boundary of equation 10): for values in [0, 1] and guesses g_i made before each of them, the
mean of x_1 … x_n lies within u(V) / n of the average of what each value was to be expected to be, given those before
it, for all n together with the asked-for confidence; V = sum of (x_i - g_i)^2. Values may depend on each other as they
like, and what is to be expected may change: that average is what the interval is for. V is a sum: windows can be added.
"""

from __future__ import annotations

from math import log, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_ETA, _S = 2.0, 1.4  # where the boundary's pieces meet, and how fast their shares of the error fall
_ZETA = 3.105473  # of 1.4
_K1 = (_ETA**0.25 + _ETA**-0.25) / sqrt(2)
_K2 = (sqrt(_ETA) + 1) / 2


class Gathered(msgspec.Struct, frozen=True):
    """What is kept of values in [0, 1]: all that an interval needs, and it adds up."""

    rows: int
    mean: float
    spread: float  # V: squared distances from the guesses

    def __add__(self, other: Gathered) -> Gathered:
        rows = self.rows + other.rows
        mean = (self.mean * self.rows + other.mean * other.rows) / rows if rows else 0.0
        return Gathered(rows, mean, self.spread + other.spread)


class Interval(msgspec.Struct, frozen=True):
    """Where a mean lies, at any time."""

    low: float
    high: float


NOTHING = Gathered(0, 0.0, 0.0)


def gather(values: NDArray[np.float64], guess: float) -> Gathered:
    """Values (n,) in [0, 1] in their order; each is guessed by the mean of those before it and of the first guess."""
    if not len(values):
        return NOTHING
    before = np.concatenate([[guess], (guess + np.cumsum(values[:-1])) / (1 + np.arange(1, len(values)))])
    return Gathered(len(values), float(values.mean()), float(((values - before) ** 2).sum()))


def interval(gathered: Gathered, confidence: float = CONFIDENCE) -> Interval:
    """The interval of a mean of values in [0, 1]; all of that where there are none."""
    if not gathered.rows:
        return Interval(0.0, 1.0)
    wide = _boundary(gathered.spread, (1 - confidence) / 2) / gathered.rows
    return Interval(max(0.0, gathered.mean - wide), min(1.0, gathered.mean + wide))


def _boundary(spread: float, error: float) -> float:
    """Sub-gamma stitched boundary for scale 1; `error` is that of one side."""
    time = max(spread, 1.0)
    level = _S * log(log(time, _ETA) + 1) + log(_ZETA / error)
    return sqrt(_K1**2 * time * level + _K2**2 * level**2) + _K2 * level
