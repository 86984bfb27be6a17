"""Who is told what: alarms and refreshes as alerts."""

from __future__ import annotations

from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.journal import Journal
from shipworthy.alerts.records import Alert
from shipworthy.monitoring.records import Alarm
from shipworthy.refresh.records import Refresh
from shipworthy.store.ledger import Entry
from shipworthy.wiring.project import Project

JOURNAL = "alerts.jsonl"


def delivery_of(project: Project) -> Delivery:
    """The delivery of a project's alerts."""
    journal = Journal(project.layout.state / JOURNAL)
    return Delivery(project.ledger, project.contract.name, journal, project.contract.monitoring.webhook)


def unsaid(project: Project) -> list[Alert]:
    """Everything that somebody should know, oldest first. What was said before is known to the delivery."""
    ledger, model = project.ledger, project.contract.name
    alerts = [
        *(of_alarm(model, entry) for entry in ledger.entries("alarm", model)),
        *(of_refresh(model, entry) for entry in ledger.entries("refresh", model)),
    ]
    return sorted(alerts, key=lambda alert: (alert.at, alert.id))


def of_alarm(model: str, entry: Entry) -> Alert:
    """The alert of an alarm."""
    alarm = entry.decode(Alarm)
    title = f"{model}@{alarm.release}: {alarm.cause}"
    return Alert(entry.id, model, alarm.cause, title, alarm.words, alarm.release, alarm.event_time, entry.at)


def of_refresh(model: str, entry: Entry) -> Alert:
    """The alert of how a refresh ended."""
    refresh = entry.decode(Refresh)
    title = f"{model}: refresh {refresh.ending}"
    return Alert(
        entry.id, model, refresh.ending, title, refresh.reason, refresh.release, refresh.event_time or None, entry.at
    )
