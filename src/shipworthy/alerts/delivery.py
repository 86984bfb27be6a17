"""Telling somebody: one alert an alarm, to the journal and to every channel, until it has arrived.

The journal comes first and never waits. A channel is tried again by later steps, less and less often, and nothing is
lost while it is down or while nobody runs. A process killed between the call and its record calls once more, with the
same identity, by which the receiver can tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType

from shipworthy import clock
from shipworthy.alerts.channels import Channel
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.life import Life, life
from shipworthy.alerts.records import LOG, VERSION, Alert, Event, Silence, Standing, State, Turn
from shipworthy.store.ledger import Entry, Ledger

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # seconds between calls that failed

_Told = dict[tuple[str, str, Event, State], Alert]  # by alert, channel, what was to be told, and how far that is


class Delivery:
    """Delivers alerts of one model. One process at a time."""

    def __init__(
        self,
        ledger: Ledger,
        model: str,
        journal: Journal,
        channels: Sequence[Channel] = (),
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """channels: besides the journal, each of a name of its own; seconds: a clock that never goes back."""
        self._ledger, self._model, self._journal = ledger, model, journal
        self._lines = {channel.name: _Line(channel, seconds) for channel in channels}

    def __enter__(self) -> Delivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        for line in self._lines.values():
            line.channel.close()

    def step(self, alerts: Iterable[Alert] = (), over: Callable[[Alert], str] = lambda _: "") -> list[Entry]:
        """Accept alerts (one that was accepted before changes nothing), then try what is pending.

        over: why what an alert says is so no longer, "" while it is; asked of those that are not resolved, and of no
        other. Returns what was recorded: kind "alert", body `Standing`.
        """
        told = self._told()
        accepted: list[Entry] = []
        for alert in alerts:
            if (alert.id, LOG, "opened", "delivered") not in told:
                accepted += self._accept(alert)
        told = self._told() if accepted else told
        standing = _lives(self._ledger, self._model, told, clock.now())
        resolved = self._resolve(standing, told, over)
        if resolved:
            told = self._told()
            standing = _lives(self._ledger, self._model, told, clock.now())
        return accepted + resolved + self._tell(standing, told)

    def pending(self) -> list[tuple[Alert, str]]:
        """What channels other than the log have not taken yet, with the channel's name, oldest first."""
        told = self._told()
        return [(alert, channel) for alert, channel, _ in _owed(told) if channel in self._lines]

    def _accept(self, alert: Alert) -> list[Entry]:
        self._journal.write(alert)
        states: list[tuple[str, State]] = [(LOG, "delivered"), *((name, "pending") for name in self._lines)]
        return self._append(alert, "opened", states)

    def _resolve(self, standing: Iterable[Life], told: _Told, over: Callable[[Alert], str]) -> list[Entry]:
        """End what is over, and owe its end to whom its beginning was told."""
        recorded: list[Entry] = []
        for one in standing:
            alert = one.alert
            if not alert.lasting:
                continue
            if one.phase != "resolved":
                why = over(alert)
                if not why:
                    continue
                turn(self._ledger, alert, "resolved", "shipworthy", why)
            if (alert.id, LOG, "resolved", "delivered") not in told:
                self._journal.write(alert, "resolved")
                knowing = [name for name in self._lines if (alert.id, name, "opened", "delivered") in told]
                owed: list[tuple[str, State]] = [(LOG, "delivered"), *((name, "pending") for name in knowing)]
                recorded += self._append(alert, "resolved", owed)
        return recorded

    def _tell(self, lives: Sequence[Life], told: _Told) -> list[Entry]:
        recorded: list[Entry] = []
        silent = {one.alert.id for one in lives if one.phase == "silenced"}
        ended = {one.alert.id for one in lives if one.phase == "resolved" and one.alert.lasting}
        for name, line in self._lines.items():
            for alert, channel, event in _owed(told):
                # What ended before anybody was told has nothing left to say; what is silenced waits.
                if channel != name or alert.id in silent or (event == "opened" and alert.id in ended):
                    continue
                if not line.ready():
                    break
                failure = line.tell(alert, event)
                recorded.append(self._record(alert, name, event, failure))
                if failure:
                    break
            line.channel.keep_alive(
                [one.alert for one in lives if one.told and (one.alert.id, name, "opened", "delivered") in told]
            )
        return recorded

    def _record(self, alert: Alert, channel: str, event: Event, failure: str) -> Entry:
        state: State = "failed" if failure else "delivered"
        record = Standing(VERSION, alert, channel, state, failure, event)
        return self._ledger.append_once(
            "alert", self._model, record, subject=alert.id, key=_key(alert, channel, event, state)
        )

    def _append(self, alert: Alert, event: Event, states: Iterable[tuple[str, State]]) -> list[Entry]:
        with self._ledger.transaction() as connection:
            return [
                self._ledger.append(
                    "alert",
                    self._model,
                    Standing(VERSION, alert, channel, state, event=event),
                    subject=alert.id,
                    key=_key(alert, channel, event, state),
                    connection=connection,
                )
                for channel, state in states
            ]

    def _told(self) -> _Told:
        return _told(self._ledger, self._model)


class _Line:
    """A channel, and when it may be tried again."""

    def __init__(self, channel: Channel, seconds: Callable[[], float]) -> None:
        self.channel = channel
        self._seconds = seconds
        self._pause, self._not_before = _FIRST_PAUSE, float("-inf")

    def ready(self) -> bool:
        """Whether it may be tried now."""
        return self._seconds() >= self._not_before

    def tell(self, alert: Alert, event: Event) -> str:
        """Why it did not arrive; "" if it did."""
        failure = self.channel.tell(alert, event)
        if failure:
            self._not_before = self._seconds() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        else:
            self._pause = _FIRST_PAUSE
        return failure


def lives(ledger: Ledger, model: str, now: int | None = None) -> list[Life]:
    """Every alert of a model and where it stands, oldest first."""
    return _lives(ledger, model, _told(ledger, model), clock.now() if now is None else now)


def _told(ledger: Ledger, model: str) -> _Told:
    """Everything recorded of alerts, oldest first."""
    records = [entry.decode(Standing) for entry in reversed(ledger.entries("alert", model))]
    return {(one.alert.id, one.channel, one.event, one.state): one.alert for one in records}


def _lives(ledger: Ledger, model: str, told: _Told, now: int) -> list[Life]:
    if not told:
        return []
    turns: dict[str, dict[str, Turn]] = {}
    for entry in ledger.entries("alert-turn", model):
        one = entry.decode(Turn)
        turns.setdefault(one.alert, {})[one.into] = one
    silences = standing_silences(ledger, model).values()
    alerts = {alert.id: alert for alert in told.values()}
    return [life(alert, turns.get(alert.id, {}), silences, now) for alert in alerts.values()]


def standing_silences(ledger: Ledger, model: str) -> dict[str, Silence]:
    """A model's silences that nobody has lifted, by id, oldest first; they may have run out."""
    records = [(entry.id, entry.decode(Silence)) for entry in reversed(ledger.entries("silence", model))]
    lifted = {silence.lifted for _, silence in records}
    return {id_: silence for id_, silence in records if silence.lifted is None and id_ not in lifted}


def turn(ledger: Ledger, alert: Alert, into: str, by: str, because: str) -> Entry:
    """Record that an alert was acknowledged or resolved; the first time counts."""
    record = Turn(VERSION, alert.id, "resolved" if into == "resolved" else "acknowledged", by, because, clock.now())
    return ledger.append_once("alert-turn", alert.model, record, subject=alert.id, key=f"{alert.id}:{record.into}")


def _owed(told: _Told) -> list[tuple[Alert, str, Event]]:
    return [
        (alert, channel, event)
        for (id_, channel, event, state), alert in told.items()
        if state == "pending" and (id_, channel, event, "delivered") not in told
    ]


def _key(alert: Alert, channel: str, event: Event, state: State) -> str:
    middle = "" if event == "opened" else f"{event}:"
    return f"{alert.id}:{channel}:{middle}{state}"
