"""`up`: the server, and the roles around it, under one supervisor that holds the state and the listening sockets."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shipworthy.errors import ShipworthyError
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.supervisor import Serving, Supervisor
from shipworthy.store.holding import hold
from shipworthy.store.layout import configuration
from shipworthy.store.preparation import prepare
from shipworthy.wiring.processes import Child, Stop
from shipworthy.wiring.project import Project, find_layout, in_production, live_release, open_project
from shipworthy.wiring.running import Running, remove_running, write_running
from shipworthy.wiring.workers import served

LOOK = 0.1  # seconds between looks at who is live
RECORD = "record"  # the role that ends last
SHADOW = "shadow"
FOLLOWING = (RECORD, "watch")
AGAIN = 50  # looks until a release that could not be served is tried again

_logger = logging.getLogger(__name__)


@dataclass
class Rollout:
    """Keeps the server on whichever release is live."""

    project: Project
    supervisor: Supervisor
    serving: int  # release
    promised: str  # digest of the contract in production
    changed: Callable[[], None] = lambda: None  # told when that is another one
    failed: dict[int, int] = field(default_factory=dict)  # release -> looks to wait before it is tried again

    def look(self) -> None:
        """Swap where another release is live now. One that cannot be served leaves the old one answering."""
        live = Aliases(self.project.ledger).current(self.project.contract.name, "live")
        if live is None or live == self.serving:
            return
        if self.failed.get(live, 0) > 0:
            self.failed[live] -= 1
            return
        try:
            release = served(self.project, live)
            self.supervisor.swap(release.folder, release.command)
        except ShipworthyError as error:
            self.failed[live] = AGAIN
            _logger.error("release %d cannot be served, %d goes on answering: %s", live, self.serving, error)
            return
        _logger.info("release %d answers; it was %d", live, self.serving)
        self.serving = live
        promised = in_production(self.project).contract.digest
        if promised != self.promised:
            self.promised = promised
            self.changed()


def run_up(folder: Path, *, port: int | None, page_port: int | None, roles: Sequence[str]) -> None:
    """Run until told to stop."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, datefmt="%H:%M:%S", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    layout = find_layout(folder)
    with hold(layout.state, f"shipworthy {'up' if roles else 'serve'}"):
        prepare(layout)  # an explicit start: an older ledger is brought up to this code
        project = open_project(folder)
        live = live_release(project)
        stop = Stop()
        with _serving(project, live, port) as rollout, _children(project, rollout, page_port, roles) as beside:
            _logger.info("%s@%d answers at %s", project.contract.name, live, rollout.supervisor.url)
            while not stop.wait(LOOK):
                rollout.look()
                beside.look()
            _logger.info("stopping: what was read is answered, what was answered is recorded")


@dataclass
class BesideLive:
    """Runs a shadow's process while the ledger names a shadow."""

    project: Project
    wanted: bool  # or it is somebody else's to run
    child: Child | None = None
    release: int | None = None

    def look(self) -> None:
        """Start it, end it, or have it start again for another release."""
        if not self.wanted:
            return
        shadow = Aliases(self.project.ledger).current(self.project.contract.name, "shadow")
        if shadow == self.release:
            return
        if self.release is not None:
            self.end()
        if shadow is not None:
            layout = self.project.layout
            self.child = Child(SHADOW, layout.project, layout.state / "output" / f"{SHADOW}.log")
            self.child.start()
            _logger.info("release %d runs as a shadow", shadow)
        else:
            _logger.info("release %d is no shadow any more", self.release)
        self.release = shadow

    def restart(self) -> None:
        """Have it start again, for another promise."""
        if self.child is not None:
            self.child.restart()

    def end(self) -> None:
        """End it; whatever it has not read is held for it."""
        if self.child is not None:
            self.child.stop()
        self.child = None


@contextlib.contextmanager
def _serving(project: Project, live: int, port: int | None) -> Iterator[Rollout]:
    contract, layout = in_production(project).contract, project.layout
    release = served(project, live)
    work = layout.state / "models" / contract.name / "serving"
    work.mkdir(parents=True, exist_ok=True)
    serving = Serving(
        command=release.command,
        logs=layout.logs(contract.name),
        work=work,
        trusted=trusted_folder(configuration()),
        host=contract.serving.host,
        port=contract.serving.port if port is None else port,
        workers=contract.serving.workers,
    )
    supervisor = Supervisor(serving, release.folder)
    supervisor.start()
    try:
        yield Rollout(project, supervisor, live, contract.digest)
    finally:
        supervisor.stop()


@contextlib.contextmanager
def _children(project: Project, rollout: Rollout, page_port: int | None, roles: Sequence[str]) -> Iterator[BesideLive]:
    state, url = project.layout.state, rollout.supervisor.url
    logs = state / "output"
    logs.mkdir(parents=True, exist_ok=True)
    page = (page_port or int(url.rpartition(":")[2]) + 1) if "page" in roles else None
    arguments = {"page": (str(page), url)}
    folder = project.layout.project
    children = [Child(role, folder, logs / f"{role}.log", arguments.get(role, ())) for role in roles]
    page_url = f"http://{project.contract.serving.host}:{page}" if page is not None else None
    write_running(state, Running(os.getpid(), url, page_url, tuple(roles)))
    # Recorder and watch hold to what the live release promised: another promise, another start.
    following = [child for child in children if child.role in FOLLOWING]
    beside = BesideLive(project, RECORD in roles)
    rollout.changed = lambda: _restart([*following, beside])
    try:
        for child in children:
            child.start()
        if page_url is not None:
            _logger.info("the page is at %s; what the roles say is in %s", page_url, logs)
        yield beside
    finally:
        remove_running(state)
        beside.end()
        for child in children:
            if child.role != RECORD:
                child.ask()
        rollout.supervisor.stop()  # before the recorder ends, so that its last round finds all that was answered
        for child in children:
            child.stop()


def _restart(children: Sequence[Child | BesideLive]) -> None:
    for child in children:
        child.restart()
