"""The processes around a project's server: record, watch, refresh, the page, and a shadow while there is one."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from shipworthy import clock
from shipworthy.registry.aliases import Aliases
from shipworthy.wiring.processes import Child
from shipworthy.wiring.project import Project
from shipworthy.wiring.role_standing import Ended, write_ends
from shipworthy.wiring.running import Running, remove_running, write_running

RECORD = "record"  # the role that ends last
SHADOW = "shadow"
FOLLOWING = (RECORD, "watch")

_logger = logging.getLogger(__name__)


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


class Roles:
    """Those of one project, kept running; `page` is the port of its page."""

    def __init__(self, project: Project, url: str, page: int | None, roles: Sequence[str]) -> None:
        self._project = project
        self._url, self._roles = url, tuple(roles)
        state, folder = project.layout.state, project.layout.project
        self._output = state / "output"
        self._page = f"http://{project.contract.serving.host}:{page}" if page is not None else None
        arguments = {"page": (str(page), url)}
        self._noting = threading.Lock()
        self._ends: dict[str, Ended] = {}
        self._children = [
            Child(role, folder, self._output / f"{role}.log", arguments.get(role, ()), self._note_end) for role in roles
        ]
        self.shadow = BesideLive(project, RECORD in roles)

    def start(self) -> None:
        """Start them, and say where the server and the page are."""
        self._output.mkdir(parents=True, exist_ok=True)
        write_ends(self._project.layout.state, self._ends)
        write_running(self._project.layout.state, Running(os.getpid(), self._url, self._page, self._roles))
        for child in self._children:
            child.start()
        if self._page is not None:
            _logger.info("the page is at %s; what the roles say is in %s", self._page, self._output)

    def _note_end(self, child: Child, code: int, said: str) -> None:
        """Say on the terminal, and where `status` looks, that a role has ended and why."""
        _logger.error("%s ended with %d and is started again: %s", child.role, code, said)
        with self._noting:
            self._ends = {**self._ends, child.role: Ended(clock.now(), code, said, child.restarts)}
            with contextlib.suppress(OSError):  # a full disk is said by whoever needs it more
                write_ends(self._project.layout.state, self._ends)

    def follow(self) -> None:
        """Recorder, watch and shadow hold to what the live release promised: another promise, another start."""
        for child in self._children:
            if child.role in FOLLOWING:
                child.restart()
        self.shadow.restart()

    def ask(self) -> None:
        """Ask all but the recorder to stop: it has to record what the server still answers."""
        remove_running(self._project.layout.state)
        self.shadow.end()
        for child in self._children:
            if child.role != RECORD:
                child.ask()

    def stop(self) -> None:
        """End them."""
        for child in self._children:
            child.stop()
