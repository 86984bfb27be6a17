"""What people do with alerts: look at them, acknowledge and resolve them, silence them for a time."""

from __future__ import annotations

import msgspec

from shipworthy import clock
from shipworthy.alerts.delivery import lives, standing_silences, turn
from shipworthy.alerts.life import Life
from shipworthy.alerts.records import VERSION, Alert, Silence, Standing
from shipworthy.errors import NotFound, WrongUse
from shipworthy.store.ledger import Entry
from shipworthy.wiring.keys import who
from shipworthy.wiring.project import Project

ALL = "all"  # in place of a cause


class Told(msgspec.Struct, frozen=True):
    """One channel that an alert went to, and whether it arrived."""

    channel: str
    event: str  # opened or resolved
    state: str  # pending, failed, delivered
    reason: str


class AlertLife(msgspec.Struct, frozen=True):
    """An alert, where it stands, and who has been told."""

    life: Life
    told: tuple[Told, ...]


class SilenceView(msgspec.Struct, frozen=True):
    """A silence that is in force."""

    id: str
    silence: Silence


class Alerts(msgspec.Struct, frozen=True):
    """Everything about a model's alerts."""

    model: str
    alerts: tuple[AlertLife, ...]  # newest first
    silences: tuple[SilenceView, ...]  # those in force


def read_alerts(project: Project, *, resolved: bool = False) -> Alerts:
    """The alerts that are not over, and with `resolved` all that there were."""
    ledger, model = project.ledger, project.contract.name
    told: dict[str, dict[tuple[str, str], Told]] = {}
    for entry in reversed(ledger.entries("alert", model)):
        one = entry.decode(Standing)
        told.setdefault(one.alert.id, {})[one.channel, one.event] = Told(one.channel, one.event, one.state, one.reason)
    found = [
        AlertLife(life, tuple(told.get(life.alert.id, {}).values()))
        for life in reversed(lives(ledger, model))
        if resolved or life.phase != "resolved"
    ]
    now = clock.now()
    silences = [
        SilenceView(id_, silence) for id_, silence in standing_silences(ledger, model).items() if silence.until > now
    ]
    return Alerts(model, tuple(found), tuple(silences))


def acknowledge(project: Project, name: str, because: str) -> Life:
    """Say that somebody looks into an alert. NotFound; WrongUse for one that is over."""
    alert = _open(project, name)
    turn(project.ledger, alert, "acknowledged", who(), because)
    return _life(project, alert)


def resolve(project: Project, name: str, because: str) -> Life:
    """Say that an alert is over; whoever was told of it is told by the next step of the watch. NotFound, WrongUse."""
    alert = _open(project, name)
    turn(project.ledger, alert, "resolved", who(), because)
    return _life(project, alert)


def silence(project: Project, cause: str, until: str, because: str) -> Entry:
    """Keep alerts of a cause, or all, from everybody but the log. WrongUse: a time that has passed, no reason."""
    now, end = clock.now(), _instant(until)
    if end <= now:
        raise WrongUse(f"--until {until} has passed: expected a time in the future")
    if not because.strip():
        raise WrongUse("--because is empty: expected the reason, for whoever wonders why it is quiet")
    model = project.contract.name
    record = Silence(VERSION, model, None if cause == ALL else cause, end, who(), because, now)
    return project.ledger.append("silence", model, record, at=now)


def lift(project: Project, name: str, because: str) -> Silence:
    """End a silence before its time. NotFound."""
    ledger, model = project.ledger, project.contract.name
    found = {id_: one for id_, one in standing_silences(ledger, model).items() if id_.startswith(name)}
    if len(found) != 1:
        raise NotFound(f"there is no silence {name!r}; `shipworthy alerts` lists those in force")
    [(id_, one)] = found.items()
    ended = msgspec.structs.replace(one, lifted=id_, by=who(), because=because, at=clock.now())
    ledger.append_once("silence", model, ended, subject=id_, key=f"{id_}:lifted")
    return one


def _open(project: Project, name: str) -> Alert:
    known = lives(project.ledger, project.contract.name)
    found = [one for one in known if one.alert.id == name or (len(name) >= 4 and _begins(one.alert.id, name))]
    if len(found) != 1:
        several = (
            f"{len(found)} alerts begin so: " + ", ".join(one.alert.id for one in found) if found else "there is none"
        )
        raise NotFound(f"no alert is meant by {name!r}: {several}; `shipworthy alerts` lists them")
    if found[0].phase == "resolved":
        raise WrongUse(f"{found[0].alert.id} is over since {clock.to_iso(found[0].since)}: {found[0].because}")
    return found[0].alert


def _begins(id_: str, name: str) -> bool:
    return id_.startswith(name) or id_.partition("-")[2].startswith(name)


def _life(project: Project, alert: Alert) -> Life:
    return next(one for one in lives(project.ledger, alert.model) if one.alert.id == alert.id)


def _instant(text: str) -> int:
    """An instant as it is written, or so much time from now: "2027-01-31", "4h"."""
    try:
        return clock.now() + clock.duration(text)
    except ValueError:
        pass
    try:
        return clock.from_iso(text)
    except ValueError:
        raise WrongUse(
            f"--until is {text!r}: expected a date such as 2027-01-31, or a time from now such as 4h"
        ) from None
