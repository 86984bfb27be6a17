"""What happened, read back from the ledger when it is over."""

from __future__ import annotations

import msgspec
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from shipworthy import clock
from shipworthy.demo.comparison import by_month
from shipworthy.demo.records import (
    AlarmShown,
    AlertShown,
    Demonstration,
    MonthShown,
    RefreshShown,
    ReleaseShown,
    Requests,
)
from shipworthy.demo.world import Replayed
from shipworthy.lineage.records import Rebuild
from shipworthy.monitoring.records import Alarm, WindowEvidence
from shipworthy.refresh.records import Refresh
from shipworthy.registry.records import Rehearsal, Release
from shipworthy.registry.releases import Releases
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.looking import trace
from shipworthy.wiring.project import Project
from shipworthy.wiring.status import alert_views


def gather(
    project: Project, flights: pa.Table, replayed: Replayed, rehearsal: Rehearsal, received: int, seconds: float
) -> Demonstration:
    """Everything that was shown."""
    ledger, model = project.ledger, project.contract.name
    alarms = [(entry.id, entry.decode(Alarm)) for entry in reversed(ledger.entries("alarm", model))]
    refreshes = [entry.decode(Refresh) for entry in reversed(ledger.entries("refresh", model))]
    releases = [entry.decode(Release) for entry in reversed(ledger.entries("release", model))]
    return Demonstration(
        folder=str(project.layout.project),
        seconds=seconds,
        rehearsal=msgspec.to_builtins(rehearsal),
        requests=_requests(replayed),
        alarms=tuple(AlarmShown(id_, _day(a.event_time), a.release, a.cause, a.words) for id_, a in alarms),
        alerts=tuple(AlertShown(clock.to_iso(v.at), v.title, v.state) for v in reversed(alert_views(project))),
        alerts_received=received,
        refreshes=tuple(_refresh(refresh) for refresh in refreshes),
        releases=tuple(_release(project, release) for release in releases),
        quality=_quality(project, flights, replayed),
        windows=tuple(_window(entry.decode(WindowEvidence)) for entry in reversed(ledger.entries("evidence", model))),
        lineage=msgspec.to_builtins(trace(project, _newest_prediction(project))),
    )


def _requests(replayed: Replayed) -> Requests:
    return Requests(
        sent=replayed.sent,
        answered=replayed.answered,
        dropped=replayed.dropped,
        repeated=replayed.repeated,
        by_release={str(release): count for release, count in replayed.by_release.items()},
        seconds=replayed.seconds,
        waited=replayed.waited,
    )


def _refresh(refresh: Refresh) -> RefreshShown:
    return RefreshShown(
        begun=_day(refresh.trigger.event_time),
        ended=_day(refresh.event_time),
        outcome=refresh.ending,
        why=refresh.reason,
        release=refresh.release,
        seconds=(refresh.finished - refresh.started) / clock.SECOND,
    )


def _release(project: Project, release: Release) -> ReleaseShown:
    reasons = {verdict.check: verdict.reason for verdict in release.verdicts}
    rung = project.ledger.get(release.rebuild).decode(Rebuild).rung if release.rebuild else "not rebuilt"
    return ReleaseShown(
        number=release.number,
        run=release.run,
        proven=release.proven,
        rebuild=rung,
        sla=reasons.get("latency", ""),
        quality=reasons.get("quality", ""),
        checks={verdict.check: verdict.outcome for verdict in release.verdicts},
    )


def _window(evidence: WindowEvidence) -> dict[str, object]:
    strongest = max(evidence.payoffs, key=lambda payoff: payoff.strength)
    return {
        "start": _day(evidence.window),
        "release": evidence.release,
        "rows": evidence.rows,
        "strongest": strongest.payoff,
        "standing": evidence.standing,
    }


def _quality(project: Project, flights: pa.Table, replayed: Replayed) -> tuple[MonthShown, ...]:
    releases = Releases(project.ledger, project.objects)
    first = releases.materialise(project.layout, project.contract.name, 1, trusted_keys())
    months = by_month(flights, replayed, first.folder, project.contract.gate.metric)
    return tuple(MonthShown(month.month, month.flights, month.first, month.current) for month in months)


def _newest_prediction(project: Project) -> str:
    query = "SELECT prediction_id FROM predictions ORDER BY event_time DESC, prediction_id LIMIT 1"
    table = DeltaTable(str(project.layout.predictions(project.contract.name)))
    found = pa.table(QueryBuilder().register("predictions", table).execute(query))
    return str(found["prediction_id"][0].as_py())


def _day(instant: int) -> str:
    return clock.to_iso(instant)[:10]
