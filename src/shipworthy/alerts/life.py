"""The life of an alert: open, then acknowledged, resolved or silenced. Pure.

One alarm is one alert. It opens when it is accepted. A person who looks into it acknowledges it. It is resolved when
what it says is over, or when a person says so; what says only that something happened is over with being told. A
silence keeps it from everybody but the log for as long as it lasts; what is open still when it ends is told then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from shipworthy.alerts.records import Alert, Silence, Turn

Phase = Literal["open", "acknowledged", "silenced", "resolved"]


class Life(msgspec.Struct, frozen=True):
    """Where an alert stands."""

    alert: Alert
    phase: Phase
    since: int  # ns since 1970, UTC
    by: str = ""  # who brought it there; "" for an open one
    because: str = ""

    @property
    def told(self) -> bool:
        """Whether channels other than the log hear of it now."""
        return self.phase in ("open", "acknowledged")


def life(alert: Alert, turns: Mapping[str, Turn], silences: Iterable[Silence], now: int) -> Life:
    """turns: those of this alert, by what they turned it into. silences: those in force or not, of any model."""
    resolved = turns.get("resolved")
    if resolved is not None:
        return Life(alert, "resolved", resolved.at, resolved.by, resolved.because)
    silence = silencing(alert, silences, now)
    if silence is not None:
        return Life(alert, "silenced", silence.at, silence.by, silence.because)
    acknowledged = turns.get("acknowledged")
    if acknowledged is not None:
        return Life(alert, "acknowledged", acknowledged.at, acknowledged.by, acknowledged.because)
    if not alert.lasting:
        return Life(alert, "resolved", alert.at, "shipworthy", "it says that something happened")
    return Life(alert, "open", alert.at)


def silencing(alert: Alert, silences: Iterable[Silence], now: int) -> Silence | None:
    """The silence that an alert is under; the one that lasts longest where there are several."""
    fitting = [
        silence
        for silence in silences
        if silence.model == alert.model and silence.cause in (None, alert.cause) and silence.until > now
    ]
    return max(fitting, key=lambda silence: silence.until, default=None)
