"""The shadow's process: what another release would have answered, from the log, until there is no such shadow."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shipworthy import clock
from shipworthy.environments.workplace import workplace
from shipworthy.errors import InUse, NotFound, Refused
from shipworthy.recording.following import LEASE, Follower
from shipworthy.recording.shadow import Beside, shadow_of
from shipworthy.registry.aliases import Aliases
from shipworthy.wiring.answering import answering
from shipworthy.wiring.processes import Stop, give_way
from shipworthy.wiring.project import Project, in_production, open_project
from shipworthy.wiring.workers import served

PAUSE = 0.2  # seconds between looks at the logs
NICER = 10  # than the workers: it takes what processor time they leave


def run_shadow(folder: Path, *, once: bool, stop: Stop | None = None) -> None:
    """Predict what is logged, and, unless `once`, what comes, as long as this release is the shadow.

    NotFound where there is none; InUse or Refused where `once` leaves something behind.
    """
    project = in_production(open_project(folder))
    aliases, model = Aliases(project.ledger), project.contract.name
    number = aliases.current(model, "shadow")
    if number is None:
        raise NotFound(f"{model} has no shadow: `shipworthy shadow RELEASE` makes a release one")
    give_way(NICER)
    stopping = Stop() if stop is None else stop
    with _following(project, number) as follower:
        while not once and not stopping.asked and aliases.current(model, "shadow") == number:
            if not follower.step():
                stopping.wait(PAUSE)
        if once:
            follower.flush()
    if once:
        _tell_what_is_left(follower, number)


@contextmanager
def _following(project: Project, number: int) -> Iterator[Follower]:
    model = project.contract.name
    release = served(project, number)
    with (
        workplace(project.layout.work(), "shadow") as work,
        answering(release.bundle, release.contract, work, release.command) as answer,
    ):
        since = Aliases(project.ledger).since(model, "shadow") or clock.now()
        tolerance = release.contract.gate.tolerance
        beside = Beside(number, since, release.bundle.description, tolerance, answer)
        follower = shadow_of(project.layout, project.ledger, project.contract, beside)
        try:
            yield follower
        finally:
            follower.close()


def _tell_what_is_left(follower: Follower, number: int) -> None:
    if follower.faults:
        raise Refused("\n".join(f"{source} is not predicted: {why}" for source, why in follower.faults.items()))
    left = follower.lag()
    if left.bytes:
        raise InUse(
            f"{left.bytes:,} bytes of the log are not read by the shadow @{number}: another process is at them, or "
            f"was killed less than {LEASE // clock.SECOND} s ago and still counts as being at them"
        )


def main() -> None:
    """A child of `up`: FOLDER."""
    logging.basicConfig(format="%(asctime)s shadow %(levelname)s %(message)s", level=logging.INFO)
    stop = Stop()
    stop.follow_parent()
    with suppress(NotFound):  # it was ended in this moment
        run_shadow(Path(sys.argv[1]), once=False, stop=stop)


if __name__ == "__main__":
    main()
