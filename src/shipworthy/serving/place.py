"""A worker's place under its supervisor: a listening socket, a release to answer with, and the process that does."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from shipworthy.errors import ShipworthyError
from shipworthy.serving.heartbeat import forget
from shipworthy.serving.metrics import reset_gauges
from shipworthy.serving.process import WorkerProcess
from shipworthy.serving.settings import Limits, WorkerSettings

CALM = 30.0  # seconds alive after which an end counts as the first
LONGEST_PAUSE = 10.0  # seconds between restarts at most
DEFAULT_LIMITS = Limits()

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: what does not change with a release."""

    command: tuple[str, ...]  # interpreter and module; the settings are added as the last argument
    logs: Path
    work: Path  # metrics and the workers' output
    trusted: Path  # folder of public keys
    host: str = "127.0.0.1"
    port: int = 8080  # 0: a free one
    workers: int = 1
    many: bool = False  # what is to be answered with is a list of releases (`hosting`)
    rehearsal: Path | None = None  # a contract's file: serve unsigned bundles, their logs never recorded
    access_log: Path | None = None  # a line a request
    traces: bool = False  # OpenTelemetry's
    limits: Limits = DEFAULT_LIMITS
    enclosed: bool = False  # in a container's own network, where more than loopback may be listened on

    @property
    def metrics(self) -> Path:
        """Where workers count."""
        return self.work / "metrics"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker is to answer with."""

    folder: Path
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as it is now."""

    name: str
    pid: int | None  # None while it is down
    release: int | None  # that it answers with
    source: str | None  # of its log
    restarts: int
    load_seconds: float | None = None  # that it took to verify, load and warm up the release


class Place:
    """Keeps one worker running. A swap of this place and the watch over it take turns; others are not held up."""

    def __init__(self, index: int, listening: socket.socket, serving: Serving, wanted: Wanted) -> None:
        self._index, self._socket, self._serving = index, listening, serving
        self._wanted = wanted  # what it starts with
        self._worker: WorkerProcess | None = None
        self._restarts = 0
        self._pause = 0.0
        self._again = 0.0  # monotonic time of the next start
        self._other = False  # two processes share a place while one replaces the other: they take turns in names
        self._turn = threading.RLock()

    @property
    def name(self) -> str:
        """The worker's."""
        return f"w{self._index}{'b' if self._other else ''}"

    def begin(self) -> None:
        """Start the worker."""
        self._worker = self._start(self._wanted)

    def wait_ready(self) -> None:
        """Wait until it answers. Raises what keeps it from that."""
        if self._worker is not None:
            self._worker.wait_ready()

    def swap(self, wanted: Wanted) -> None:
        """Answer with another release. Raises what keeps it from that; then all stays as it was."""
        with self._turn:
            worker = self._worker
            if worker is None or not worker.alive or worker.ready is None:
                self._restart(wanted).wait_ready()
            elif wanted.command != self._wanted.command:
                self._replace(worker, wanted)
            else:
                worker.swap(str(wanted.folder))
            self._wanted = wanted

    def take_back(self, wanted: Wanted) -> None:
        """Answer with the release before again, if need be by a new process."""
        with self._turn:
            try:
                self.swap(wanted)
            except ShipworthyError as error:
                _logger.error("worker %s cannot go back, starting it again: %s", self.name, error)
                self._wanted = wanted
                if self._worker is not None:
                    self._worker.kill()

    def look_after(self) -> None:
        """Start the worker again if it ended unasked or hangs, with a pause that grows while it ends early."""
        if not self._turn.acquire(blocking=False):
            return  # a swap of it is under way and looks after it
        try:
            self._look_after()
        finally:
            self._turn.release()

    def drain(self) -> None:
        """Ask the worker to finish what it has read. One that has not begun to answer is ended."""
        worker = self._worker
        if worker is not None:
            if worker.ready is None:
                worker.kill()
            worker.drain()

    def end(self) -> None:
        """Wait for the worker's end, after `drain`, and give up the socket."""
        if self._worker is not None:
            self._worker.end(self._serving.limits.drain + 5.0)
        self._socket.close()

    def status(self) -> WorkerStatus:
        """How it stands now."""
        worker = self._worker
        alive = worker is not None and worker.alive
        pid = worker.process.pid if worker is not None and alive else None
        ready = worker.ready if worker is not None and alive else None
        if ready is None:
            return WorkerStatus(self.name, pid, None, None, self._restarts)
        return WorkerStatus(self.name, pid, ready.release, ready.source, self._restarts, ready.seconds)

    def _start(self, wanted: Wanted) -> WorkerProcess:
        serving = self._serving
        forget(serving.metrics, self.name)
        settings = WorkerSettings(
            name=self.name,
            folder=str(wanted.folder),
            logs=str(serving.logs),
            metrics=str(serving.metrics),
            socket=-1,
            control=-1,
            trusted=str(serving.trusted),
            many=serving.many,
            access_log=str(serving.access_log or ""),
            traces=serving.traces,
            rehearsal=str(serving.rehearsal) if serving.rehearsal is not None else None,
            limits=serving.limits,
        )
        return WorkerProcess(wanted.command, settings, self._socket, serving.work / "workers.log")

    def _replace(self, old: WorkerProcess, wanted: Wanted) -> None:
        """A new process on the same socket, then the end of the old one."""
        self._other = not self._other
        new = self._start(wanted)
        try:
            new.wait_ready()
        except ShipworthyError:
            self._other = not self._other
            new.end(0.0)
            raise
        self._worker = new
        old.drain()
        old.end(self._serving.limits.drain + 5.0)

    def _restart(self, wanted: Wanted) -> WorkerProcess:
        if self._worker is not None:
            self._worker.end(0.0)
        reset_gauges(self._serving.metrics, self.name)
        self._worker = self._start(wanted)
        return self._worker

    def _look_after(self) -> None:
        worker = self._worker
        if worker is None:
            return
        if worker.alive:
            self._look_at(worker)
            return
        now = time.monotonic()
        if not self._again:
            self._pause = 0.0 if now - worker.began > CALM else min(max(self._pause * 2, 0.1), LONGEST_PAUSE)
            self._again = now + (self._pause if self._restarts else 0.0)
            _logger.warning("worker %s ended with %s; starting it again", self.name, worker.process.returncode)
        if now >= self._again:
            self._again = 0.0
            self._restarts += 1
            self._restart(self._wanted)

    def _look_at(self, worker: WorkerProcess) -> None:
        """End a worker that lives but does nothing."""
        if worker.hung or worker.late:
            what = "has not loaded its release" if worker.late else "hangs"
            _logger.error("worker %s (process %d) %s; killing it", self.name, worker.process.pid, what)
            worker.kill()
        elif worker.ready is None:
            try:
                worker.look_ready()
            except ShipworthyError as error:
                _logger.error("worker %s cannot serve: %s", self.name, error)
                with contextlib.suppress(OSError):
                    worker.kill()
