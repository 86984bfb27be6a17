"""The one page, read. Kept light: people and scripts ask for it all the time."""

from __future__ import annotations

import msgspec

from shipworthy import clock
from shipworthy.counts.reference import Reference, Regime
from shipworthy.dashboard.reading import read_view
from shipworthy.dashboard.view import AlertView, CountingView, LabelsView, RecorderView, RoleView, StatusView
from shipworthy.gate.waivers import Waivers, waivers
from shipworthy.monitoring.installation import in_words
from shipworthy.monitoring.label_standing import read_standing
from shipworthy.store.beats import beats
from shipworthy.store.database import shown
from shipworthy.store.holding import holder_of
from shipworthy.wiring import tracking
from shipworthy.wiring.alert_lives import AlertLife, read_alerts
from shipworthy.wiring.comparing import read_shadow
from shipworthy.wiring.conditions import disk_of
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project
from shipworthy.wiring.promised import installation_of
from shipworthy.wiring.record import lag_of, reference_reader
from shipworthy.wiring.role_standing import read_ends, role_views
from shipworthy.wiring.running import read_running
from shipworthy.wiring.services import answering

NOTHING_YET = ", so that [monitoring] performance has nothing to judge by"
_RANK = {"pending": 0, "failed": 1, "delivered": 2}


def read_status(project: Project) -> StatusView:
    """The one page."""
    model = project.contract.name
    shadow = read_shadow(project)
    view = read_view(
        project.ledger,
        project.contract,
        waivers=_waived(waivers(project.ledger, model, trusted_keys())),
        alerts=alert_views(project),
        running=_running(project),
        shadow=shadow if shadow is not None and shadow.runs else None,
        recorder=_recorder(project),
        part=in_words(installation_of(project.ledger, model), model),
    )
    reference = live_reference(project)
    return msgspec.structs.replace(
        view,
        waiting=tracking.waiting(project),
        counting=() if reference is None else tuple(_counting(regime) for regime in reference.regimes),
        compared="" if reference is None else reference.origin,
        labels=_labels(project),
        roles=read_roles(project),
        disk=disk_of(project.layout.state),
        kept=f"ledger: {shown(project.layout.ledger_url)}; objects: {project.layout.objects}",
    )


def live_reference(project: Project) -> Reference | None:
    """What the live release, or the service in its place, is watched against; None where nothing is."""
    number = answering(project)
    return None if number is None else reference_reader(project)(number)


def _counting(regime: Regime) -> CountingView:
    return CountingView(regime.payoff, regime.drift, regime.words)


def alert_views(project: Project) -> tuple[AlertView, ...]:
    """Every alert, where it stands, and whether it has arrived everywhere, newest first."""
    views = [_alert_view(one) for one in read_alerts(project, resolved=True).alerts]
    return tuple(sorted(views, key=lambda view: -view.at))


def _alert_view(one: AlertLife) -> AlertView:
    alert = one.life.alert
    waiting = tuple(
        f"{told.channel} has not taken it{': ' * bool(told.reason)}{told.reason}"
        for told in one.told
        if told.state != "delivered" and one.life.phase != "silenced"
    )
    worst = min((told.state for told in one.told), key=_RANK.__getitem__, default="pending")
    return AlertView(alert.at, f"{alert.title}: {alert.text}", worst, one.life.phase, alert.cause, waiting)


def _waived(found: Waivers) -> tuple[str, ...]:
    """What is waived now, and what would be if whoever signed it were trusted here."""
    standing = [
        f"{waiver.check} is waived until {clock.to_iso(waiver.until)[:10]} by {waiver.by}: {waiver.because}"
        for waiver in found.standing.values()
    ]
    return (*standing, *(f"lets nothing pass: {why}" for why in found.unknown))


def _labels(project: Project) -> LabelsView | None:
    """None where there is nothing to say: nobody has watched, or no label is waited for."""
    found = read_standing(project.layout.labels(project.contract.name))
    waited_for = project.contract.labels is not None or project.contract.monitoring.performance is not None
    if found is None or not (found.known or waited_for):
        return None
    unseen = "" if found.known or project.contract.monitoring.performance is None else NOTHING_YET
    return LabelsView(found.known, found.unmatched, found.examples, found.newest, found.words + unseen)


def _recorder(project: Project) -> RecorderView:
    found = lag_of(project)
    return RecorderView(found.rows, found.bytes, found.seconds, project.contract.recording.alert_after / clock.SECOND)


def read_roles(project: Project) -> tuple[RoleView, ...]:
    """Of what runs, or ran; () where nothing has ever answered, so that nobody has to."""
    state = project.layout.state
    if answering(project) is None:
        return ()
    running = holder_of(state) is not None
    return role_views(beats(project.ledger, project.contract.name), read_ends(state), running=running, now=clock.now())


def _running(project: Project) -> str:
    holder = holder_of(project.layout.state)
    if holder is None:
        return "nothing runs; `shipworthy up` starts it"
    running = read_running(project.layout.state)
    where = f", answers at {running.server}" if running is not None else ""
    page = f", page at {running.page}" if running is not None and running.page else ""
    return f"{holder.command}, process {holder.pid}, since {clock.to_iso(holder.since)[:19]}Z{where}{page}"
