"""The recorder's process: logged predictions into Delta and windows, until told to stop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from shipworthy import clock
from shipworthy.counts import reference as counting
from shipworthy.counts.reference import Reference
from shipworthy.errors import InUse, NotFound, Refused
from shipworthy.recording.following import Lag, lag
from shipworthy.recording.held import Held
from shipworthy.recording.latencies import Latencies
from shipworthy.recording.recorder import LEASE, Recorder, key
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.releases import Releases
from shipworthy.wiring.figures import figures_of
from shipworthy.wiring.processes import Stop, carry_out, give_way, loop
from shipworthy.wiring.project import Project, open_project
from shipworthy.wiring.role_standing import Pulse, during
from shipworthy.wiring.services import in_operation, service_of

PAUSE = 0.1  # seconds between looks at the logs
NICER = 5  # than the workers: where processor time is short, answers come before their recording


def run_record(folder: Path, *, once: bool, stop: Stop | None = None) -> int:
    """Record what is there, and, unless `once`, what comes. How many predictions it recorded.

    InUse or Refused where `once` leaves something behind.
    """
    project = in_operation(open_project(folder, needs="serving"))
    recorder, latencies = recorder_of(project), latencies_of(project)

    def step() -> bool:
        found = recorder.step()
        return (latencies is not None and latencies.step()) or found

    pulse = Pulse(project.ledger, project.contract.name, "record")
    if not once:
        loop(during(step, pulse), Stop() if stop is None else stop, PAUSE)
    recorder.flush()
    if latencies is not None:
        latencies.step(now=True)
    recorder.close()
    pulse.end("once" if once else "ended")
    if once:
        _tell_what_is_left(recorder)
    return recorder.rows


def _tell_what_is_left(recorder: Recorder) -> None:
    if recorder.faults:
        raise Refused("\n".join(f"{source} is not recorded: {why}" for source, why in recorder.faults.items()))
    left = recorder.lag()
    if left.bytes:
        raise InUse(
            f"{left.bytes:,} bytes of the log are not recorded: another recorder is at them, or was killed less than "
            f"{LEASE // clock.SECOND} s ago and still counts as being at them"
        )


def lag_of(project: Project) -> Lag:
    """How far recording is behind, whoever records, and if nobody does."""
    model = project.contract.name
    return lag(project.layout.logs(model), project.ledger, model, key)


def recorder_of(project: Project) -> Recorder:
    """The recorder of a project's model."""
    model, logs, aliases = project.contract.name, project.layout.logs(project.contract.name), Aliases(project.ledger)
    limit = project.contract.recording.shadow_log
    held = Held(project.ledger, model, logs, limit, lambda: aliases.current(model, "shadow"))
    return Recorder(project.layout, model, project.ledger, project.contract, reference_reader(project), held=held)


def latencies_of(project: Project) -> Latencies | None:
    """What counts how long answers took; None where the contract does not bound that."""
    contract = project.contract
    if contract.monitoring.slow is None:
        return None
    seconds = contract.serving.p99_ms / 1000
    return Latencies(
        project.ledger, contract.name, reference_reader(project), lambda: figures_of(project, contract.name, seconds)
    )


def reference_reader(project: Project) -> Callable[[int], Reference | None]:
    """Gives the monitoring reference of a release or a service; None where there is neither, or it has none."""
    releases = Releases(project.ledger, project.objects)

    def read(number: int) -> Reference | None:
        try:
            sha = releases.get(project.contract.name, number).reference
        except NotFound:
            service = service_of(project, number)
            sha = (service.reference or "") if service is not None else ""
        return counting.decode(project.objects.get(sha)) if sha else None

    return read


def main() -> None:
    """A child of `up`: FOLDER."""
    logging.basicConfig(format="%(asctime)s record %(levelname)s %(message)s", level=logging.INFO)
    stop = Stop()
    stop.follow_parent()
    give_way(NICER)
    carry_out(lambda: run_record(Path(sys.argv[1]), once=False, stop=stop))


if __name__ == "__main__":
    main()
