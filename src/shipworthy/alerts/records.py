"""An alert, its life, and where it stands with each channel. Instants are ns since 1970, UTC."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["pending", "failed", "delivered"]
Event = Literal["opened", "resolved"]
Severity = Literal["page", "ticket", "info"]

LOG = "log"  # the channel that is always there
VERSION = 2


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
    severity: Severity = "page"  # page: somebody should look now; ticket: this week; info: it is good to know
    lasting: bool = False  # it says that something is so, and is open until that ends; else that something happened


class Standing(msgspec.Struct, frozen=True):
    """Ledger kind "alert", subject the alert's id: one step of telling somebody.

    Its key is "<id>:<channel>:<state>", for the end of an alert "<id>:<channel>:resolved:<state>".
    """

    version: int
    alert: Alert
    channel: str  # "log", "webhook", "alertmanager", "apprise", "apprise-2", …
    state: State  # pending: accepted; failed: refused at least once, and tried again since; delivered: the end
    reason: str = ""  # why it failed
    event: Event = "opened"  # what was to be told


class Turn(msgspec.Struct, frozen=True):
    """Ledger kind "alert-turn", subject the alert's id, key "<id>:<into>": the alert's life takes a turn."""

    version: int
    alert: str
    into: Literal["acknowledged", "resolved"]
    by: str  # a person, or "shipworthy"
    because: str
    at: int


class Silence(msgspec.Struct, frozen=True):
    """Ledger kind "silence": for a time, nobody but the log is told of alerts that fit."""

    version: int
    model: str
    cause: str | None  # None: whatever it is
    until: int
    by: str
    because: str
    at: int
    lifted: str | None = None  # id of the silence that this record ends
