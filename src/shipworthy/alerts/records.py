"""An alert, and where it stands with each channel. Instants are ns since 1970, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

Channel = Literal["log", "webhook"]
State = Literal["pending", "failed", "delivered"]

VERSION = 1


class Alert(msgspec.Struct, frozen=True):
    """Somebody is to be told."""

    id: str  # of what it is about, e.g. the alarm: one alarm is one alert
    model: str
    cause: str  # "drift", "performance", "broken input", …
    title: str  # a few words
    text: str  # one sentence or two
    release: int | None
    event_time: int | None  # how far the model's own time had come
    at: int


class Standing(msgspec.Struct, frozen=True):
    """Ledger kind "alert", subject the alert's id, key "<id>:<channel>:<state>": one step of telling somebody."""

    version: int
    alert: Alert
    channel: Channel
    state: State  # pending: accepted; failed: refused at least once, and tried again since; delivered: the end
    reason: str = ""  # why it failed
