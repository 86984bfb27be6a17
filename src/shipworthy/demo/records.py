"""What a demonstration showed, for programs and for the summary."""

from __future__ import annotations

from typing import Any

import msgspec


class Requests(msgspec.Struct, frozen=True):
    """What became of the requests."""

    sent: int
    answered: int
    dropped: int
    repeated: int  # tries beyond the first
    by_release: dict[str, int]
    seconds: float
    waited: float  # seconds of these in which the world waited for those who watch


class AlarmShown(msgspec.Struct, frozen=True):
    """One alarm."""

    id: str
    at: str  # ISO 8601, the model's own time
    release: int
    cause: str
    words: str


class AlertShown(msgspec.Struct, frozen=True):
    """One alert, and whether the webhook got it."""

    at: str
    title: str
    state: str


class RefreshShown(msgspec.Struct, frozen=True):
    """One refresh."""

    begun: str  # ISO 8601, the model's own time
    ended: str
    outcome: str  # released, held, broken input, failed
    why: str
    release: int | None
    seconds: float


class ReleaseShown(msgspec.Struct, frozen=True):
    """One release and its evidence."""

    number: int
    run: str
    proven: bool
    rebuild: str  # rung
    sla: str  # the latency check's words
    quality: str
    checks: dict[str, str]  # name -> outcome


class MonthShown(msgspec.Struct, frozen=True):
    """The first model and whoever was live, on the same flights of a month."""

    month: str
    flights: int
    first: float  # the gate's metric
    current: float


class Demonstration(msgspec.Struct, frozen=True):
    """All of it."""

    folder: str
    seconds: float
    rehearsal: dict[str, Any]
    requests: Requests
    alarms: tuple[AlarmShown, ...]
    alerts: tuple[AlertShown, ...]
    alerts_received: int  # by the webhook that the demonstration listens on
    refreshes: tuple[RefreshShown, ...]
    releases: tuple[ReleaseShown, ...]
    quality: tuple[MonthShown, ...]
    windows: tuple[dict[str, Any], ...]  # evidence by window: start, release, strongest payoff, log10 over threshold
    lineage: Any
