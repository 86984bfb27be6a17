"""Slots: hours of the day, days of the week, or the values of a feature, each with shares of its own.

A slot is a row's own: it follows from the row's time (or its segment), not from the window that it is counted into, so
that rows which came late are still held against the hour they belong to. Hours are those of a time zone, UTC unless
another is named; a week begins on Monday.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy import clock

Season = Literal["hour-of-day", "day-of-week", "hour-of-week", "segment"]

TIMED: tuple[Season, ...] = ("hour-of-day", "day-of-week", "hour-of-week")
CYCLE: dict[Season, int] = {"hour-of-day": clock.DAY, "day-of-week": 7 * clock.DAY, "hour-of-week": 7 * clock.DAY}
HOURS, DAYS = 24, 7
UTC = "UTC"
_THURSDAY = 3  # 1 January 1970


class Slots(msgspec.Struct, frozen=True):
    """How rows are told apart, and how many rows of the reference each slot holds."""

    season: Season
    rows: tuple[int, ...]  # of the history, one a slot
    segment: str = ""  # the feature whose bins are the slots
    zone: str = "UTC"  # whose clocks tell the hours

    @property
    def size(self) -> int:
        """How many slots there are."""
        return len(self.rows)


def of_times(season: Season, times: NDArray[np.int64], zone: str = UTC) -> NDArray[np.int64]:
    """(n,) slot of every instant, by the clocks of a time zone."""
    hours: NDArray[np.int64] = (times if zone == UTC else _on_clocks(times, zone)) // clock.HOUR
    if season == "hour-of-day":
        return hours % HOURS
    days = (hours // HOURS + _THURSDAY) % DAYS
    return days if season == "day-of-week" else days * HOURS + hours % HOURS


def _on_clocks(times: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """(n,) what clocks show, as if it were UTC: summer time makes one hour of a year come twice, and one not at all."""
    instants: Any = pa.array(times, pa.timestamp("ns", tz=zone))
    local: Any = pc.local_timestamp(instants)
    shown: NDArray[np.int64] = local.cast(pa.int64()).to_numpy()
    return shown


def size_of(season: Season) -> int:
    """Slots of a season of time."""
    return {"hour-of-day": HOURS, "day-of-week": DAYS, "hour-of-week": DAYS * HOURS}[season]


def coarsened(slot: int, to: Season) -> int:
    """The slot of a season that an hour of the week lies in."""
    return {"hour-of-day": slot % HOURS, "day-of-week": slot // HOURS}.get(to, slot)


def label(season: Season, slot: int) -> str:
    """A slot of time in words."""
    if season == "hour-of-day":
        return f"{slot:02d}:00"
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[slot if season == "day-of-week" else slot // HOURS]
    return day if season == "day-of-week" else f"{day} {slot % HOURS:02d}:00"
