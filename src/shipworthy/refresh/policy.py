"""When a refresh is due: a pure rule over what the ledger holds.

Time here is the model's own: how far the event times of its predictions have come. So a year replayed in a minute rests
as many of its days between two refreshes as a year that took a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from shipworthy import clock
from shipworthy.contract.records import Retraining
from shipworthy.refresh.records import Refresh, Trigger


class AlarmSeen(msgspec.Struct, frozen=True):
    """What the rule has to know of an alarm."""

    id: str
    cause: Literal["drift", "performance"]
    release: int  # whose windows raised it
    event_time: int  # end of the window that raised it, ns
    words: str


class Standing(msgspec.Struct, frozen=True):
    """Where the model stands."""

    live: int  # release
    live_since: int  # event time, ns: when the live release began to answer
    now: int  # event time, ns
    alarms: tuple[AlarmSeen, ...]
    refreshes: tuple[Refresh, ...]
    asked: tuple[str, ...] = ()  # ids of refreshes that a person asked for and that have not ended


def resting_until(retraining: Retraining, refreshes: Sequence[Refresh]) -> int | None:
    """Event time until which the model rests after its newest refresh, held ones included; None if there was none."""
    ends = [refresh.event_time for refresh in refreshes]
    return max(ends) + retraining.wait if ends else None


def due(retraining: Retraining, standing: Standing) -> Trigger | None:
    """The refresh to begin now, or None.

    A person's wish comes first and knows no rest. An alarm counts for the release that raised it alone, once, and waits
    until the rest after the last refresh is over; then the schedule.
    """
    if standing.asked:
        return Trigger(standing.asked[0], "asked", None, standing.live, standing.now, "a person asked for it")
    rest = resting_until(retraining, standing.refreshes)
    if rest is not None and standing.now < rest:
        return None
    return _by_alarm(retraining, standing) or _by_schedule(retraining, standing, rest)


def _by_alarm(retraining: Retraining, standing: Standing) -> Trigger | None:
    handled = {refresh.trigger.alarm for refresh in standing.refreshes}
    for alarm in sorted(standing.alarms, key=lambda alarm: (alarm.event_time, alarm.id)):
        if alarm.cause in retraining.on and alarm.release == standing.live and alarm.id not in handled:
            return Trigger(f"refresh-after-{alarm.id}", alarm.cause, alarm.id, standing.live, standing.now, alarm.words)
    return None


def _by_schedule(retraining: Retraining, standing: Standing, rest: int | None) -> Trigger | None:
    if "schedule" not in retraining.on or retraining.schedule is None:
        return None
    newest = max([standing.live_since, *(refresh.event_time for refresh in standing.refreshes)])
    if standing.now < newest + retraining.schedule:
        return None
    words = f"{clock.spoken(retraining.schedule)} have passed since {clock.to_iso(newest)}"
    return Trigger(f"refresh-scheduled-{newest}", "schedule", None, standing.live, standing.now, words)
