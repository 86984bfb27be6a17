"""A drill from end to end: a drift in a copy of recent windows, its alarm, and an alert that has to arrive for real."""

from __future__ import annotations

import time

import msgspec
import numpy as np

from shipworthy import clock, digest
from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.records import LOG, Alert, Standing
from shipworthy.contract.records import Contract
from shipworthy.counts import reference as counting
from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts
from shipworthy.errors import WrongUse
from shipworthy.lineage.records import Run
from shipworthy.models.records import Columns
from shipworthy.monitoring.closing import closed_windows, newest_event_time
from shipworthy.monitoring.drill import Drilled, drill
from shipworthy.monitoring.promise import sharing
from shipworthy.monitoring.records import Drill, Reached
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.manifest import REFERENCE_FILE
from shipworthy.rehearsal.payloads import sampled
from shipworthy.store.ledger import Entry
from shipworthy.wiring.alerting import DRILL, delivery_of
from shipworthy.wiring.project import Project, in_production
from shipworthy.wiring.promised import as_promised
from shipworthy.wiring.record import reference_reader

VERSION = 1
LASTS = 30 * clock.DAY  # a drill counts for so long, unless [monitoring] is declared anew
PATIENCE = 10.0  # seconds for an alert to arrive everywhere
STAND_IN_ROWS = 5_000
RECENT = 30  # windows that are copied
STAND_IN = "stand-in"


def drill_project(project: Project) -> Entry:
    """A drill for what is live; before the first release for the newest run; before that for a stand-in."""
    live = Aliases(project.ledger).current(project.contract.name, "live")
    if live is not None:
        promised = in_production(project)
        reference = reference_reader(promised)(live)
        if reference is not None:
            subject = f"{project.contract.name}@{live}"
            return make_drill(promised, reference, subject, recent_windows(promised, live, reference))
    run = project.ledger.newest("run", project.contract.name)
    found = None if run is None else reference_of_run(project, run.decode(Run))
    if run is not None and found is not None:
        return make_drill(project, found, run.id)
    return make_drill(project, stand_in_reference(project.contract), STAND_IN)


def make_drill(project: Project, reference: Reference, subject: str, recent: tuple[Counts, ...] = ()) -> Entry:
    """Drill against a reference, tell every channel, and keep what came of it. `subject`: whose reference it is."""
    contract = as_promised(project).contract
    drilled = drill(reference, contract.monitoring, sharing(reference, contract), recent)
    alert = _alert(project.contract.name, drilled)
    with delivery_of(project) as delivery:
        channels = _tell(delivery, alert) if drilled.windows is not None else ()
    record = Drill(
        VERSION, settings(project), subject, drilled.payoff, drilled.share, drilled.windows, alert.id, channels
    )
    return project.ledger.append("drill", project.contract.name, record, subject=subject)


def standing_drill(project: Project) -> Entry | None:
    """The newest drill, where it passed, is not too old, and was made under the monitoring as it is declared now."""
    found = project.ledger.newest("drill", project.contract.name)
    if found is None or clock.now() - found.at > LASTS:
        return None
    record = found.decode(Drill)
    good = record.windows is not None and all(reached.arrived for reached in record.channels)
    return found if good and record.settings == settings(project) else None


def settings(project: Project) -> str:
    """What a drill stands for: where it changes, another one is needed."""
    return digest.of_value(project.contract.monitoring)


def reference_of_run(project: Project, run: Run) -> Reference | None:
    """The reference that was frozen with a run; None where there is none."""
    sha = next((file.digest for file in run.files if file.path == REFERENCE_FILE), None)
    return None if sha is None else counting.decode(project.objects.get(sha))


def recent_windows(project: Project, release: int, reference: Reference) -> tuple[Counts, ...]:
    """The newest closed windows of a release, oldest first."""
    newest = newest_event_time(project.ledger, project.contract.name)
    if newest is None:
        return ()
    lateness = project.contract.monitoring.lateness
    found = closed_windows(project.ledger, project.contract.name, release, reference, newest, lateness, None)
    return tuple(counts for _, counts in found)[-RECENT:]


def stand_in_reference(contract: Contract) -> Reference:
    """A reference of rows drawn from the contract alone, and of answers that nobody gave: before there is a model."""
    if not contract.features:
        raise WrongUse("[features] is empty: expected what the model is asked with, for a drill to move")
    columns: Columns = sampled(contract.features, STAND_IN_ROWS)
    scores = np.random.default_rng(0).uniform(size=(STAND_IN_ROWS, 1))
    answers = np.hstack([1 - scores, scores]) if contract.model.task == "classification" else scores
    return counting.build(
        contract.features,
        columns,
        None,
        answers,
        None,
        window=contract.monitoring.window,
        event_time=contract.serving.event_time,
    )


def _alert(model: str, drilled: Drilled) -> Alert:
    now = clock.now()
    text = f"A drill, nothing is wrong. {drilled.share:.0%} of the rows of {drilled.payoff} were moved in a copy"
    said = f"{text}; the alarm says: {drilled.words}" if drilled.words else text
    id_ = f"drill-{digest.of_value([model, now])[:16]}"
    return Alert(id_, model, DRILL, f"{model}: DRILL", said, None, None, now, severity="info", lasting=True)


def _tell(delivery: Delivery, alert: Alert) -> tuple[Reached, ...]:
    """Open the drill's alert, wait until it has arrived or not, and end it."""
    reached: dict[str, Reached] = {}
    end = time.monotonic() + PATIENCE
    recorded = delivery.step([alert])
    while True:
        for entry in recorded:
            told = entry.decode(Standing)
            if told.alert.id == alert.id:
                reached[told.channel] = Reached(told.channel, told.state == "delivered", told.reason)
        if all(one.arrived for one in reached.values()) or time.monotonic() > end:
            break
        time.sleep(0.2)
        recorded = delivery.step()
    waiting = {channel for one, channel in delivery.pending() if one.id == alert.id}
    delivery.step([], lambda one: "the drill is over" if one.id == alert.id else "")
    return tuple(
        msgspec.structs.replace(one, reason=one.reason or "nobody is told under a silence") if name in waiting else one
        for name, one in sorted(reached.items(), key=lambda item: item[0] != LOG)
    )
