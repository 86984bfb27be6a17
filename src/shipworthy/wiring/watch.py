"""The watch's process: evidence and quality of what has closed, alarms, and alerts until they have arrived."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from shipworthy.monitoring.label_standing import LabelStanding, read_standing, write_standing
from shipworthy.monitoring.records import Alarm
from shipworthy.monitoring.watch import Facts, Watch
from shipworthy.recording.lagging import note, note_shadow
from shipworthy.refresh.records import Refresh
from shipworthy.store.ledger import Entry
from shipworthy.wiring import conditions
from shipworthy.wiring.alerting import delivery_of, over, unsaid
from shipworthy.wiring.comparing import shadow_lag
from shipworthy.wiring.held_out import basis_reader
from shipworthy.wiring.processes import Stop, carry_out, loop
from shipworthy.wiring.project import Project, open_project
from shipworthy.wiring.promised import as_promised
from shipworthy.wiring.record import lag_of, reference_reader
from shipworthy.wiring.role_standing import Pulse, during
from shipworthy.wiring.services import answering, in_operation
from shipworthy.wiring.skew_looks import skew_looks
from shipworthy.wiring.status import read_roles

AROUND = 10.0  # seconds between looks at what is around the model
PAUSE = 0.2  # seconds between looks
_SAY = 60.0  # seconds between two sayings

_logger = logging.getLogger(__name__)


def run_watch(folder: Path, *, once: bool, stop: Stop | None = None) -> tuple[Entry, ...]:
    """Look at what has closed, and, unless `once`, at what closes. The alarms that it raised."""
    project = as_promised(in_operation(open_project(folder, needs="serving")))
    watch = Watch(project.layout, project.ledger, project.contract, facts_of(project))
    looks = skew_looks(project, watch)
    raised: list[Entry] = []
    say = _Say(project.layout.labels(project.contract.name))
    around = _Around(project, watch)
    with delivery_of(project) as delivery:

        def step() -> bool:
            alarms = [*watch.step(), *([] if looks is None else looks.step())]
            raised.extend(alarms if once else ())  # who watches for a year keeps no list
            for entry in alarms:
                _logger.warning("alarm: %s", entry.decode(Alarm).words)
            note(project.ledger, project.contract.name, lag_of(project), project.contract.recording)
            note_shadow(project.ledger, project.contract.name, shadow_lag(project), project.contract.recording)
            say.labels(watch.labels)
            around()
            delivery.step(unsaid(project), over(project, watch, looks))
            return bool(alarms)

        pulse = Pulse(project.ledger, project.contract.name, "watch")
        step()
        if not once:
            loop(during(step, pulse), Stop() if stop is None else stop, PAUSE)
        pulse.end("once" if once else "ended")
    return tuple(raised)


class _Around:
    """Looks at what is around the model, every now and then."""

    def __init__(self, project: Project, watch: Watch) -> None:
        self._project, self._watch, self._at = project, watch, float("-inf")

    def __call__(self) -> None:
        if time.monotonic() - self._at < AROUND:
            return
        self._at = time.monotonic()
        project, model = self._project, self._project.contract.name
        others = [role for role in read_roles(project) if role.role != "watch"]  # this is it
        held = conditions.conditions(
            others,
            conditions.disk_of(project.layout.state),
            self._watch.labels,
            project.contract,
            self._watch.event_time(),
        )
        for entry in conditions.note(project.ledger, model, held):
            found = entry.decode(conditions.Condition)
            _logger.warning("%s", found.words if found.holds else f"over: {found.name}")


class _Say:
    """Says how many labels there are, when that has changed: in a file at once, in the output once a minute at most."""

    def __init__(self, path: Path) -> None:
        self._path, self._written = path, read_standing(path)
        self._said, self._at = 0, float("-inf")

    def labels(self, standing: LabelStanding) -> None:
        """Say how they stand."""
        if standing != self._written:
            write_standing(self._path, standing)
            self._written = standing
        if standing.unmatched == self._said or time.monotonic() - self._at < _SAY:
            return
        self._said, self._at = standing.unmatched, time.monotonic()
        _logger.warning("%s", standing.words)


def facts_of(project: Project) -> Facts:
    """What the watch asks of releases, aliases and refreshes."""
    model, ledger = project.contract.name, project.ledger

    def live() -> tuple[int, ...]:
        number = answering(project)
        return () if number is None else (number,)

    def answered() -> dict[str, int]:
        ended = (entry.decode(Refresh) for entry in ledger.entries("refresh", model))
        return {refresh.trigger.alarm: refresh.event_time for refresh in ended if refresh.trigger.alarm is not None}

    return Facts(
        reference_of=reference_reader(project),
        basis_of=basis_reader(project),
        live=live,
        answered=answered,
    )


def main() -> None:
    """A child of `up`: FOLDER."""
    logging.basicConfig(format="%(asctime)s watch %(levelname)s %(message)s", level=logging.INFO)
    stop = Stop()
    stop.follow_parent()
    carry_out(lambda: run_watch(Path(sys.argv[1]), once=False, stop=stop))


if __name__ == "__main__":
    main()
