"""When rows happened: what callers said, and what that is worth. Pure.

A row's event time is a claim. None at all, or one ahead of the clock, must not move the watermark: it would close
windows that are still filling. Such a row is counted with the newest ones instead, and a time ahead of the clock is a
violation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy.clock import AHEAD
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.predictions.frames import Frame


@dataclass(frozen=True, slots=True)
class Times:
    """Event times of a frame's n rows, ns since 1970, UTC."""

    said: NDArray[np.int64]  # (n,) as said, or arrival where nothing usable was said
    usable: NDArray[np.bool_]  # (n,) said, and not ahead of the clock
    ahead: NDArray[np.bool_]  # (n,) ahead of the clock: a violation

    @property
    def newest(self) -> int | None:
        """The newest usable one; None where there is none."""
        return int(self.said[self.usable].max()) if self.usable.any() else None

    def counted_at(self, newest: int | None) -> NDArray[np.int64]:
        """(n,) as they are counted: those that are not usable with the newest of the stream or of these rows."""
        known = [time for time in (newest, self.newest) if time is not None]
        return np.where(self.usable, self.said, max(known)) if known else self.said


def times_of(frame: Frame) -> Times:
    """Event times of a frame. Without an event time in the contract they are the arrivals, all of them usable."""
    said = _column(frame)
    if said is None:
        everything = np.ones(frame.rows, bool)
        return Times(frame.arrived, everything, ~everything)
    missing = said == NULL_TIMESTAMP
    ahead = ~missing & (said > frame.arrived + AHEAD)
    usable = ~missing & ~ahead
    return Times(np.where(usable, said, frame.arrived), usable, ahead)


def _column(frame: Frame) -> NDArray[np.int64] | None:
    for feature, column in zip(frame.header.features, frame.columns, strict=True):
        if feature.name == frame.header.event_time:
            return column.astype(np.int64)
    return None
