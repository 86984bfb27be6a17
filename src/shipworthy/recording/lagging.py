"""When the recorder, or a shadow, is too far behind, and when it has caught up: what is noted. The decision is pure.

It is looked at by others (the watch, the page), so that a recorder which is dead, or hangs, is behind as well.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from shipworthy import clock
from shipworthy.contract.records import Recording
from shipworthy.recording.following import Lag
from shipworthy.store.ledger import Entry, Ledger

KIND = "recorder"
SHADOW = "shadow"  # the same of what predicts beside the live release
State = Literal["behind", "caught up"]


class Noted(msgspec.Struct, frozen=True):
    """Ledger kinds "recorder" and "shadow", key the number of the change: from when on it was behind, or no longer."""

    version: int  # 1
    state: State
    seconds: float  # that the oldest answer had waited
    rows: int
    bytes: int
    limit: float  # seconds: `recording.alert_after`


def decide(before: State, lag: Lag, recording: Recording) -> State:
    """Behind above `alert_after`; caught up once nothing waits longer than it does in the best of times."""
    if lag.seconds > recording.alert_after / clock.SECOND:
        return "behind"
    return "caught up" if lag.seconds <= recording.commit_every / clock.SECOND else before


def note(ledger: Ledger, model: str, lag: Lag, recording: Recording) -> Entry | None:
    """Note a change in the ledger; None where there is none. Of two who look at once, one notes it."""
    change = _change(ledger.newest(KIND, model), lag, recording)
    return None if change is None else ledger.append_once(KIND, model, change[1], key=change[0])


def note_shadow(ledger: Ledger, model: str, lag: Lag, recording: Recording) -> Entry | None:
    """As `note`, of the shadow's reading."""
    change = _change(ledger.newest(SHADOW, model), lag, recording)
    return None if change is None else ledger.append_once(SHADOW, model, change[1], key=change[0])


def _change(newest: Entry | None, lag: Lag, recording: Recording) -> tuple[str, Noted] | None:
    """The next entry after the newest one, and its key."""
    before: State = "caught up" if newest is None else newest.decode(Noted).state
    state = decide(before, lag, recording)
    if state == before:
        return None
    number = 1 if newest is None or newest.key is None else int(newest.key) + 1
    return str(number), Noted(1, state, lag.seconds, lag.rows, lag.bytes, recording.alert_after / clock.SECOND)
