"""A running `up` as the world sees it: where it answers, how far it has watched, whether it is busy retraining."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipworthy import clock
from shipworthy.errors import Undecided
from shipworthy.monitoring.closing import newest_event_time
from shipworthy.monitoring.records import WindowEvidence
from shipworthy.refresh.policy import due
from shipworthy.wiring.project import Project
from shipworthy.wiring.refresh import read_standing
from shipworthy.wiring.running import Running, read_running

PATIENCE = 120.0  # seconds without any progress of those who watch
LEAD = 7 * clock.DAY  # how far the world may be ahead of what is watched
MEMORY = 0.1  # seconds for which an answer about the ledger is good


class Production:
    """Looks into a project's ledger, never changes it."""

    def __init__(self, project: Project, start: int) -> None:
        self._project = project
        self._watched = start
        self._moved = time.monotonic()
        self._asked = 0.0
        self._busy = False

    def pace(self) -> float | None:
        """The contract's rate while a refresh is due or under way, so that the machine is shared; else no limit."""
        self._look()
        return self._project.contract.serving.rate if self._busy else None

    def ahead(self, now: int) -> bool:
        """Whether the world has to wait for those who watch. Undecided where they do not come on."""
        if now <= self._watched + LEAD:
            return False
        self._look()
        if now <= self._watched + LEAD:
            return False
        if time.monotonic() - self._moved > PATIENCE:
            raise Undecided(f"nothing was watched for {PATIENCE:g} s; the roles' output is in .shipworthy/output")
        return True

    def settle(self, last: int) -> Iterator[None]:
        """Yields until all up to event time `last` is recorded, watched and, where it is due, refreshed."""
        lateness = self._project.contract.monitoring.lateness
        closed = last - lateness - self._project.contract.monitoring.window
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            self._look()
            newest = newest_event_time(self._project.ledger, self._project.contract.name) or 0
            if newest >= last and self._watched >= closed and not self._busy:
                return
            if self._busy:
                began = time.monotonic()
            yield
        raise Undecided(f"what was answered is not recorded and watched after {PATIENCE:g} s")

    def _look(self) -> None:
        if time.monotonic() - self._asked < MEMORY:
            return
        ledger, model = self._project.ledger, self._project.contract.name
        newest = ledger.newest("evidence", model)
        if newest is not None:
            end = newest.decode(WindowEvidence).end
            if end > self._watched:
                self._watched, self._moved = end, time.monotonic()
        self._busy = self._refreshing()
        self._asked = time.monotonic()

    def _refreshing(self) -> bool:
        ledger, model = self._project.ledger, self._project.contract.name
        ended = {entry.key for entry in ledger.entries("refresh", model)}
        if any(entry.key not in ended for entry in ledger.entries("refresh-begun", model)):
            self._moved = time.monotonic()
            return True
        standing = read_standing(self._project)
        return standing is not None and due(self._project.contract.retraining, standing) is not None


@contextmanager
def production(folder: Path, output: Path) -> Iterator[Running]:
    """`shipworthy up` in a process of its own, on free ports; stopped in order at the end."""
    command = [sys.executable, "-m", "shipworthy", "up", "--project", str(folder), "--port", "0"]
    with output.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield _wait(process, folder, output)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], folder: Path, output: Path) -> Running:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        running = read_running(folder / ".shipworthy")
        if running is not None and running.pid == process.pid:
            return running
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise Undecided(f"`shipworthy up` did not come up; it said:\n{output.read_text()[-2000:]}")
