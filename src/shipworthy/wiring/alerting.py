"""Who is told what: alarms and refreshes as alerts, to the channels that the contract names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from shipworthy import clock
from shipworthy.alerts.alertmanager import Alertmanager
from shipworthy.alerts.channels import Channel
from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.notifying import Apprise
from shipworthy.alerts.records import Alert, Severity
from shipworthy.alerts.webhook import Webhook
from shipworthy.contract.records import Monitoring
from shipworthy.errors import WrongUse
from shipworthy.monitoring.alarming import told
from shipworthy.monitoring.records import Alarm
from shipworthy.monitoring.watch import Watch
from shipworthy.recording.lagging import KIND as RECORDER
from shipworthy.recording.lagging import SHADOW, Noted
from shipworthy.refresh.records import Ending, Refresh
from shipworthy.store.ledger import Entry
from shipworthy.wiring import conditions
from shipworthy.wiring.project import Project
from shipworthy.wiring.skew_looks import SkewLooks

JOURNAL = "alerts.jsonl"
DRILL = "drill"  # the cause of an alert that says that nothing is wrong
BEHIND = "recorder behind"
SHADOW_BEHIND = "shadow behind"
FROM_ENVIRONMENT = "env:"  # what stands before the name of a variable, in place of an address that holds a secret

_SEVERITY: Mapping[Ending, Severity] = {
    "released": "info", "held": "ticket", "broken input": "page", "failed": "page",
}  # fmt: skip
_LASTING: tuple[Ending, ...] = ("broken input", "failed")


def delivery_of(project: Project) -> Delivery:
    """The delivery of a project's alerts. WrongUse where a channel cannot be opened."""
    journal = Journal(project.layout.state / JOURNAL)
    return Delivery(project.ledger, project.contract.name, journal, channels_of(project.contract.monitoring))


def channels_of(monitoring: Monitoring, environment: Mapping[str, str] = os.environ) -> list[Channel]:
    """The channels that a contract names, addresses read from the environment where it says so."""
    channels: list[Channel] = []
    if monitoring.webhook is not None:
        channels.append(Webhook(_address("webhook", monitoring.webhook, environment)))
    if monitoring.alertmanager is not None:
        channels.append(Alertmanager(_address("alertmanager", monitoring.alertmanager, environment)))
    for number, place in enumerate(monitoring.apprise, start=1):
        name = "apprise" if number == 1 else f"apprise-{number}"
        channels.append(Apprise(_address("apprise", place, environment), name))
    return channels


def _address(key: str, written: str, environment: Mapping[str, str]) -> str:
    if not written.startswith(FROM_ENVIRONMENT):
        return written
    name = written.removeprefix(FROM_ENVIRONMENT)
    found = environment.get(name)
    if not found:
        raise WrongUse(f"monitoring.{key} is {written!r}, but the environment has no {name}: set it, and start again")
    return found


def unsaid(project: Project) -> list[Alert]:
    """Everything that somebody should know, oldest first. What was said before is known to the delivery."""
    ledger, model = project.ledger, project.contract.name
    alerts = [
        *(of_alarm(model, entry) for entry in ledger.entries("alarm", model)),
        *(of_refresh(model, entry) for entry in ledger.entries("refresh", model)),
        *(of_recorder(model, entry) for entry in ledger.entries(RECORDER, model) if _is_behind(entry)),
        *conditions.alerts_of(ledger, model),
        *(of_shadow(model, entry) for entry in ledger.entries(SHADOW, model) if _is_behind(entry)),
    ]
    return sorted(alerts, key=lambda alert: (alert.at, alert.id))


def over(project: Project, watch: Watch, looks: SkewLooks | None) -> Callable[[Alert], str]:
    """What says why an alert is so no longer, and "" while it is."""

    def why(alert: Alert) -> str:
        if alert.cause == DRILL:
            return "the drill was killed" if alert.at < clock.now() - clock.MINUTE else ""
        if alert.cause == BEHIND:
            return _caught_up(project, alert, RECORDER, "everything answered is recorded again")
        if alert.cause == SHADOW_BEHIND:
            return _caught_up(project, alert, SHADOW, "the shadow has caught up, or there is none any more")
        if conditions.is_condition(alert.cause):
            return conditions.over(project.ledger, project.contract.name, alert)
        if alert.cause == "skew":
            return "the contract names no column of ids any more" if looks is None else looks.over(alert.id)
        return _followed(project, alert) if alert.cause in _LASTING else watch.over(alert.id)

    return why


def _followed(project: Project, alert: Alert) -> str:
    """A refresh that failed is over once a later one did not."""
    for entry in project.ledger.entries("refresh", project.contract.name):  # newest first
        if entry.id == alert.id:
            break
        ending = entry.decode(Refresh).ending
        if ending not in _LASTING:
            return f"a later refresh was {ending}"
    return ""


def _caught_up(project: Project, alert: Alert, kind: str, then: str) -> str:
    newest = project.ledger.newest(kind, project.contract.name)
    stands = newest is not None and newest.id == alert.id
    return "" if stands else then


def of_alarm(model: str, entry: Entry) -> Alert:
    """The alert of an alarm: open for as long as the alarm says what is so."""
    alarm = entry.decode(Alarm)
    title = f"{model}@{alarm.release}: {alarm.cause}"
    return Alert(
        entry.id, model, alarm.cause, title, told(alarm), alarm.release, alarm.event_time, entry.at, lasting=True
    )


def of_recorder(model: str, entry: Entry) -> Alert:
    """The alert of a recorder that is too far behind: open until it has caught up."""
    noted = entry.decode(Noted)
    text = (
        f"answers have been waiting for {noted.seconds:.0f} s to be recorded, about {noted.rows:,} rows or "
        f"{noted.bytes:,} bytes of log (alert_after is {noted.limit:.0f} s): its output/record.log says why"
    )
    return Alert(entry.id, model, BEHIND, f"{model}: {BEHIND}", text, None, None, entry.at, lasting=True)


def of_shadow(model: str, entry: Entry) -> Alert:
    """The alert of a shadow that is too far behind: open until it has caught up, or is none any more."""
    noted = entry.decode(Noted)
    text = (
        f"answers have been waiting for {noted.seconds:.0f} s to be predicted by the shadow, too, about "
        f"{noted.rows:,} rows or {noted.bytes:,} bytes of log (alert_after is {noted.limit:.0f} s; beyond shadow_log "
        "it misses rows): its output/shadow.log says why"
    )
    title = f"{model}: {SHADOW_BEHIND}"
    return Alert(entry.id, model, SHADOW_BEHIND, title, text, None, None, entry.at, lasting=True)


def _is_behind(entry: Entry) -> bool:
    return entry.decode(Noted).state == "behind"


def of_refresh(model: str, entry: Entry) -> Alert:
    """The alert of how a refresh ended."""
    refresh = entry.decode(Refresh)
    ending = refresh.ending
    return Alert(
        entry.id,
        model,
        ending,
        f"{model}: refresh {ending}",
        refresh.reason,
        refresh.release,
        refresh.event_time or None,
        entry.at,
        severity=_SEVERITY[ending],
        lasting=ending in _LASTING,
    )
