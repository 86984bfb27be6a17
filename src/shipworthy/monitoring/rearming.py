"""When evidence that stands above its threshold is an alarm: once an episode, and again when an answer to it failed.

A drift that goes on would else alarm in every window. Evidence does not restart at an alarm; it does with a new
release, which has another reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Verdict = Literal["quiet", "first", "again"]

FALLEN = 2.0  # log10 below the threshold at which an episode is over


class Raised(msgspec.Struct, frozen=True):
    """An alarm of a release that has been raised."""

    event_time: int  # end of its window, ns
    answered: int | None  # event time at which the refresh that answered it ended, ns; None while there was none


def verdict(standing: Sequence[tuple[int, float]], raised: Sequence[Raised], wait: int, fallen: float) -> Verdict:
    """What the newest window calls for.

    standing: (end, log10 of the evidence over its threshold) of every window of the release so far, oldest first.
    "first": nothing was raised yet, or since it was, the evidence has fallen by `fallen` below the threshold, so that
    this is another episode. "again": the newest alarm was answered, the model has rested for `wait` since, and the
    evidence still stands.
    """
    end, strength = standing[-1]
    if strength < 0:
        return "quiet"
    if not raised:
        return "first"
    newest = max(raised, key=lambda alarm: alarm.event_time)
    if end <= newest.event_time:
        return "quiet"
    if over(standing, newest.event_time, fallen):
        return "first"
    if newest.answered is not None and end >= newest.answered + wait:
        return "again"
    return "quiet"


def over(standing: Sequence[tuple[int, float]], raised: int, fallen: float) -> bool:
    """Whether the episode of an alarm that was raised at `raised` has ended: evidence is `fallen` below since."""
    return any(strength <= -fallen for end, strength in standing if end > raised)
