"""`up`: the server, and the roles around it, under one supervisor that holds the state and the listening sockets."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shipworthy.errors import ShipworthyError
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.hosting import Room
from shipworthy.serving.sockets import this_or_another, wait_until_free
from shipworthy.serving.supervisor import Serving, Supervisor
from shipworthy.store.database import AWAY, in_words
from shipworthy.store.holding import hold
from shipworthy.store.layout import configuration
from shipworthy.store.preparation import prepare
from shipworthy.wiring.figures import note_figures
from shipworthy.wiring.hosting import Fleet, layouts, with_something_live
from shipworthy.wiring.processes import Stop
from shipworthy.wiring.project import Project, in_production, live_release, open_project
from shipworthy.wiring.promised import promise
from shipworthy.wiring.roles import Roles
from shipworthy.wiring.workers import Served, served

LOOK = 0.1  # seconds between looks at who is live
ROOM = Room()
KILLED = 10.0  # seconds that the page of an `up` that was killed may take to end
AGAIN = 50  # looks until a release that could not be served is tried again

_logger = logging.getLogger(__name__)


@dataclass
class Rollout:
    """Keeps the server on whichever release is live."""

    project: Project
    swap: Callable[[int, Served], None]
    serving: int  # release
    promised: str  # digest of the contract in production
    changed: Callable[[], None] = lambda: None  # told when that is another one
    failed: dict[int, int] = field(default_factory=dict)  # release -> looks to wait before it is tried again

    def look(self) -> None:
        """Swap where another release is live now. One that cannot be served leaves the old one answering."""
        name = self.project.contract.name
        live = Aliases(self.project.ledger).current(name, "live")
        if live is None or live == self.serving:
            return
        if self.failed.get(live, 0) > 0:
            self.failed[live] -= 1
            return
        try:
            release = served(self.project, live)
            self.swap(live, release)
        except ShipworthyError as error:
            self.failed[live] = AGAIN
            _logger.error(
                "release %d of %s cannot be served, %d goes on answering: %s", live, name, self.serving, error
            )
            return
        _logger.info("release %d of %s answers; it was %d", live, name, self.serving)
        self.serving = live
        promised = in_production(self.project).contract.digest
        if promised != self.promised:
            self.promised = promised
            self.changed()


@dataclass(frozen=True)
class How:
    """What the command line says of a start."""

    roles: tuple[str, ...] = ()  # around the server
    port: int | None = None  # the contract's
    page_port: int | None = None  # the server's + 1
    also: tuple[Path, ...] = ()  # projects whose models are served, too
    room: Room = ROOM  # with `also`
    access_log: Path | None = None
    traces: bool = False
    false_alarms: float | None = None  # a year, of all models together; None: each contract's alone


def run_up(folder: Path, how: How) -> None:
    """Run until told to stop."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    found = layouts(folder, how.also)
    with contextlib.ExitStack() as held:
        for layout in found:
            held.enter_context(hold(layout.state, f"shipworthy {'up' if how.roles else 'serve'}"))
            prepare(layout)  # an explicit start: an older ledger is brought up to this code
        projects = with_something_live([open_project(layout.project) for layout in found])
        if how.roles:
            promise(projects, how.false_alarms)
        stop = Stop()
        with (
            _serving(projects, how) as (supervisor, rollouts),
            _children(rollouts, supervisor, how) as kept,
        ):
            for rollout in rollouts:
                _logger.info("%s@%d answers at %s", rollout.project.contract.name, rollout.serving, supervisor.url)
            looking = Looking(lambda: _look(rollouts, kept))
            while not stop.wait(LOOK):
                looking()
            _logger.info("stopping: what was read is answered, what was answered is recorded")


@dataclass
class Looking:
    """A look at the ledger that may fail: what answers goes on answering, and the ledger is asked again."""

    look: Callable[[], None]
    away: bool = False

    def __call__(self) -> None:
        """Look; that the ledger has gone, and that it is back, is said once each."""
        try:
            self.look()
        except AWAY as error:
            if not self.away:
                _logger.error(
                    "the ledger cannot be read: %s; what is live goes on answering, and is recorded once it is back",
                    in_words(error),
                )
            self.away = True
        else:
            if self.away:
                _logger.info("the ledger is back")
            self.away = False


def _look(rollouts: Sequence[Rollout], kept: Sequence[Roles]) -> None:
    for rollout in rollouts:
        rollout.look()
    for one in kept:
        one.shadow.look()


@contextlib.contextmanager
def _serving(projects: Sequence[Project], how: How) -> Iterator[tuple[Supervisor, list[Rollout]]]:
    """A server for one project's live release or, where others are served too, for those of all."""
    first = projects[0]
    contract, layout = in_production(first).contract, first.layout
    releases = [(project, live, served(project, live)) for project in projects for live in (live_release(project),)]
    work = layout.serving(contract.name)
    work.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(work, how.room) if how.also else None
    serving = Serving(
        command=releases[0][2].command,
        logs=layout.logs(contract.name),
        work=work,
        trusted=trusted_folder(configuration()),
        host=contract.serving.host,
        port=contract.serving.port if how.port is None else how.port,
        workers=contract.serving.workers,
        many=fleet is not None,
        access_log=how.access_log.resolve() if how.access_log is not None else None,
        traces=how.traces,
    )
    for project in projects:
        note_figures(project, serving.metrics)
    supervisor = Supervisor(serving, fleet.begin(releases) if fleet is not None else releases[0][2].folder)
    supervisor.start()
    rollouts = [
        Rollout(project, _swap(supervisor, project, fleet), live, in_production(project).contract.digest)
        for project, live, _ in releases
    ]
    try:
        yield supervisor, rollouts
    finally:
        supervisor.stop()


def _swap(supervisor: Supervisor, project: Project, fleet: Fleet | None) -> Callable[[int, Served], None]:
    if fleet is None:
        return lambda _, release: supervisor.swap(release.folder, release.command)
    return lambda number, release: fleet.swap(supervisor, project, number, release)


def _page_ports(rollouts: Sequence[Rollout], supervisor: Supervisor, how: How) -> list[int | None]:
    """One a project, that follow each other. InUse where one is taken, unless any port will do for the server, too."""
    serving = rollouts[0].project.contract.serving
    first = how.page_port or int(supervisor.url.rpartition(":")[2]) + 1
    wanted = [first + number for number in range(len(rollouts))]
    if how.page_port is None and (serving.port if how.port is None else how.port) == 0:
        return [this_or_another(serving.host, port) for port in wanted]
    for port in wanted:
        wait_until_free(serving.host, port, KILLED, "name another for the page by --page-port")
    return list(wanted)


@contextlib.contextmanager
def _children(rollouts: Sequence[Rollout], supervisor: Supervisor, how: How) -> Iterator[list[Roles]]:
    """The roles of each project; the pages stand at ports that follow each other."""
    pages = _page_ports(rollouts, supervisor, how) if "page" in how.roles else [None] * len(rollouts)
    kept: list[Roles] = []
    for page, rollout in zip(pages, rollouts, strict=True):
        one = Roles(rollout.project, supervisor.url, page, how.roles)
        rollout.changed = one.follow
        kept.append(one)
    try:
        for one in kept:
            one.start()
        yield kept
    finally:
        for one in kept:
            one.ask()
        supervisor.stop()  # before the recorders end, so that their last round finds all that was answered
        for one in kept:
            one.stop()
