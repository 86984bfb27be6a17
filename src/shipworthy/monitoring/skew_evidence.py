"""Evidence that training and serving are skewed: a pure function of the looks that the watch took, in order.

A look compares rows that were in no look before. With x the share of them in which a feature differs, and c the share
that `gate.skew` allows, a look is one bet as those on rates (`rates`): L = 1 + l (x - c), whatever the rows of a look
have to do with each other. The sums of all features are averaged, which is one again. Looks come when rows do, so that
a sum gains for a look what has passed of a window since the last one: M_t = L_t (M_{t-1} + w_t). While no feature
differs in more than c, M less the windows that have passed tends downwards: the mean time until it reaches 1/alpha is
at least 1/alpha windows, however many looks a window has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from shipworthy.monitoring.rates import BEYOND, Rate, Share
from shipworthy.monitoring.records import FeatureSkew

LEAST = 1e-4  # share that stands for none: a row that differs is nearly proof then
CLEAN = 3  # looks in a row in which no feature differs in more than is allowed: then it is over


class SkewLook(msgspec.Struct, frozen=True):
    """Ledger kind "skew-look", key its number: served rows that no look had seen, against the training source."""

    version: int
    number: int  # 1, 2, …
    source: str  # name of the data source
    pinned: str  # its version, or what stands for it
    tolerance: float  # relative, of floats
    event_time: int  # how far the model's own time had come, ns
    until: int  # when the newest of the rows that were compared arrived, ns; a later look begins after it
    share: float  # of a window that has passed since the last look, at most 1
    rows: int  # compared
    unknown: int  # whose id the source did not have
    ambiguous: int  # whose id stands for several of its rows
    features: tuple[FeatureSkew, ...]  # that differed, the one with most rows first
    allowed: float  # share of rows in which a feature may differ
    standing: float  # log10 of the evidence over its threshold; an alarm at 0
    words: str

    @property
    def clean(self) -> bool:
        """Whether no feature differs in more rows than it may."""
        return all(one.differing <= self.allowed * one.rows for one in self.features)


class SkewReading(NamedTuple):
    """Evidence after a look."""

    log_sum: float
    since: int  # event time of the look from which on the strongest feature's has been growing


class SkewEvidence:
    """Evidence, growing by a look a call; it begins anew once a skew is over."""

    def __init__(self, features: Sequence[str], allowed: float, log_threshold: float) -> None:
        self._features, self._bound = tuple(features), max(LEAST, allowed)
        self.log_threshold = log_threshold
        self._cap = log_threshold + BEYOND + float(np.log(max(1, len(features))))
        self._begin()

    def _begin(self) -> None:
        self._rates = {name: Rate(self._bound, self._cap) for name in self._features}
        self._clean = 0
        self.open: int | None = None  # number of the look that raised the alarm which is not over

    def add(self, look: SkewLook) -> SkewReading:
        """The evidence after a look. `open` names it where it is the one that reaches the threshold."""
        differing = {one.feature: one.differing for one in look.features}
        for name, rate in self._rates.items():
            rate.add(look.event_time, Share(differing.get(name, 0), look.rows), weight=look.share)
        strongest = max(self._rates.values(), key=lambda rate: rate.log_sum)
        sums = np.array([rate.log_sum for rate in self._rates.values()])
        reading = SkewReading(float(np.logaddexp.reduce(sums) - np.log(len(sums))), strongest.since)
        self._clean = self._clean + 1 if look.clean else 0
        if self.open is None and reading.log_sum >= self.log_threshold:
            self.open = look.number
        elif self.open is not None and self._clean >= CLEAN:
            self._begin()
        return reading
