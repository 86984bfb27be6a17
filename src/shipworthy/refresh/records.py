"""A refresh as it stands in the ledger: why it began, what it made, how it ended."""

from __future__ import annotations

from typing import Literal

import msgspec

Cause = Literal["drift", "performance", "schedule", "asked"]
Ending = Literal["released", "held", "broken input", "failed"]


class Trigger(msgspec.Struct, frozen=True):
    """Why a refresh begins. Ledger kind "refresh-begun", key the refresh's id."""

    id: str  # of the refresh: derived from its cause, so that one cause begins one refresh
    cause: Cause
    alarm: str | None  # id of the alarm
    release: int  # live when it began
    event_time: int  # ns: how far the model's own time had come
    because: str


class Refresh(msgspec.Struct, frozen=True):
    """How a refresh ended. Ledger kind "refresh", key its id."""

    version: int  # of this format: 1
    trigger: Trigger
    ending: Ending
    reason: str  # one sentence
    run: str | None
    rebuild: str | None
    release: int | None  # the new one; None unless released
    event_time: int  # ns: how far the model's own time had come at the end
    started: int
    finished: int
