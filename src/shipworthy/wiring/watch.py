"""The watch's process: evidence and quality of what has closed, alarms, and alerts until they have arrived."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from shipworthy.models.answers import Class
from shipworthy.models.bundle import DESCRIPTION
from shipworthy.models.records import BundleDescription
from shipworthy.monitoring.performance import Promised, promised
from shipworthy.monitoring.records import Alarm
from shipworthy.monitoring.watch import Facts, Watch
from shipworthy.recording.lagging import note, note_shadow
from shipworthy.refresh.records import Refresh
from shipworthy.registry.records import Release
from shipworthy.registry.releases import Releases
from shipworthy.wiring.alerting import delivery_of, over, unsaid
from shipworthy.wiring.comparing import shadow_lag
from shipworthy.wiring.held_out import held_out
from shipworthy.wiring.processes import Stop, loop
from shipworthy.wiring.project import Project, open_project
from shipworthy.wiring.promised import as_promised
from shipworthy.wiring.record import lag_of, reference_reader
from shipworthy.wiring.services import answering, in_operation, service_of

PAUSE = 0.2  # seconds between looks

_logger = logging.getLogger(__name__)


def run_watch(folder: Path, *, once: bool, stop: Stop | None = None) -> None:
    """Look at what has closed, and, unless `once`, at what closes."""
    project = as_promised(in_operation(open_project(folder, needs="serving")))
    watch = Watch(project.layout, project.ledger, project.contract, facts_of(project))
    with delivery_of(project) as delivery:

        def step() -> bool:
            alarms = watch.step()
            for entry in alarms:
                _logger.warning("alarm: %s", entry.decode(Alarm).words)
            note(project.ledger, project.contract.name, lag_of(project), project.contract.recording)
            note_shadow(project.ledger, project.contract.name, shadow_lag(project), project.contract.recording)
            delivery.step(unsaid(project), over(project, watch))
            return bool(alarms)

        step()
        if not once:
            loop(step, Stop() if stop is None else stop, PAUSE)


def facts_of(project: Project) -> Facts:
    """What the watch asks of releases, aliases and refreshes."""
    model, ledger = project.contract.name, project.ledger
    releases = Releases(ledger, project.objects)

    def live() -> tuple[int, ...]:
        number = answering(project)
        return () if number is None else (number,)

    def answered() -> dict[str, int]:
        ended = (entry.decode(Refresh) for entry in ledger.entries("refresh", model))
        return {refresh.trigger.alarm: refresh.event_time for refresh in ended if refresh.trigger.alarm is not None}

    return Facts(
        reference_of=reference_reader(project),
        classes_of=_classes_reader(project, releases),
        promised_of=_promised_reader(project, releases),
        live=live,
        answered=answered,
    )


def _promised_reader(project: Project, releases: Releases) -> Callable[[int], Promised | None]:
    """What live windows of a release are held against; None where nothing was measured of it."""
    known: dict[int, Promised | None] = {}
    reference_of = reference_reader(project)

    def read(number: int) -> Promised | None:
        if number not in known:
            release = None if service_of(project, number) else releases.get(project.contract.name, number)
            reference = reference_of(number)
            window = project.contract.monitoring.window if reference is None else reference.window
            known[number] = None if release is None else promised_by(project, release, window)
        return known[number]

    return read


def promised_by(project: Project, release: Release, window: int) -> Promised | None:
    """The metric on a release's rows held out, window by window (ns); else the gate's figure on all of them at once."""
    rows = held_out(project, release)
    if rows is None:
        return _at_gate(release)
    windows = None if rows.times is None else rows.times // window
    metric = project.contract.gate.metric
    return promised(metric, rows.target, rows.answers, rows.description.classes, windows)


def _at_gate(release: Release) -> Promised | None:
    figures = next((verdict.figures for verdict in release.verdicts if verdict.check == "quality"), {})
    value, rows = figures.get("candidate"), figures.get("rows")
    if not isinstance(value, int | float) or not isinstance(rows, int | float):
        return None
    return Promised(float(value), int(rows))


def _classes_reader(project: Project, releases: Releases) -> Callable[[int], tuple[Class, ...] | None]:
    known: dict[int, tuple[Class, ...]] = {}

    def read(number: int) -> tuple[Class, ...] | None:
        if number not in known:
            service = service_of(project, number)
            if service is not None:
                known[number] = service.classes
                return service.classes
            files = releases.get(project.contract.name, number).files
            sha = next(file.digest for file in files if file.path == DESCRIPTION)
            known[number] = msgspec.json.decode(project.objects.get(sha), type=BundleDescription).classes
        return known[number]

    return read


def main() -> None:
    """A child of `up`: FOLDER."""
    logging.basicConfig(format="%(asctime)s watch %(levelname)s %(message)s", level=logging.INFO)
    stop = Stop()
    stop.follow_parent()
    run_watch(Path(sys.argv[1]), once=False, stop=stop)


if __name__ == "__main__":
    main()
