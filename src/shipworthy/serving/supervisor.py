"""The supervisor: holds the listening sockets, keeps the workers running, and rolls releases out over them."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shipworthy.errors import ShipworthyError
from shipworthy.serving.metrics import SUFFIX, reset_gauges
from shipworthy.serving.process import WorkerProcess
from shipworthy.serving.settings import Limits, WorkerSettings
from shipworthy.serving.sockets import listening, url_of

WATCH = 0.05  # seconds between looks at the workers
CALM = 30.0  # seconds alive after which an end counts as the first
LONGEST_PAUSE = 10.0  # seconds between restarts at most
DEFAULT_LIMITS = Limits()
PATIENCE = 120.0  # seconds for a worker to load a release

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker as it is now."""

    name: str
    pid: int | None  # None while it is down
    release: int | None  # that it answers with
    source: str | None  # of its log
    restarts: int


@dataclass(frozen=True, slots=True)
class Status:
    """The server as it is now."""

    url: str
    folder: Path
    workers: tuple[WorkerStatus, ...]

    @property
    def healthy(self) -> bool:
        """Whether every worker answers."""
        return all(worker.release is not None for worker in self.workers)


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
    rehearsal: Path | None = None  # a contract's file: serve unsigned bundles, their logs never recorded
    limits: Limits = DEFAULT_LIMITS


class _Slot:
    """A worker's place: its socket, and the process that has it now."""

    def __init__(self, index: int, socket_: socket.socket) -> None:
        self.index = index
        self.socket = socket_
        self.worker: WorkerProcess | None = None
        self.restarts = 0
        self.pause = 0.0
        self.again = 0.0  # monotonic time of the next start
        self.other = False  # two processes share a place while one replaces the other: they take turns in names

    @property
    def name(self) -> str:
        return f"w{self.index}{'b' if self.other else ''}"


class Supervisor:
    """Workers on one address. Start, swap and stop it from any one thread at a time."""

    def __init__(self, serving: Serving, folder: Path) -> None:
        self._serving = serving
        self._command = serving.command
        self._folder = folder
        self._sockets: list[socket.socket] = []
        self._url = ""
        self._slots: list[_Slot] = []
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers, once it was started."""
        return self._url

    def start(self) -> str:
        """Start all workers and wait until they answer; returns the URL. Raises what keeps a worker from it."""
        serving = self._serving
        self._metrics.mkdir(parents=True, exist_ok=True)
        for left in self._metrics.glob(f"*{SUFFIX}"):
            left.unlink()
        self._sockets = listening(serving.host, serving.port, serving.workers)
        self._url = url_of(self._sockets[0])
        self._slots = [_Slot(index, one) for index, one in enumerate(self._sockets)]
        try:
            for slot in self._slots:
                slot.worker = self._start(slot)
            for slot in self._slots:
                if slot.worker is not None:
                    slot.worker.wait_ready(PATIENCE)
        except BaseException:
            self.stop()
            raise
        self._watcher.start()
        return self.url

    def swap(self, folder: Path, command: Sequence[str] | None = None) -> None:
        """Have every worker answer with another release; returns once all do. No request is dropped meanwhile.

        If one cannot, those that could are taken back and its error is raised. With a `command` (another environment's
        interpreter) new processes take over the sockets before the old ones end.
        """
        with self._lock:
            replacing = command is not None and tuple(command) != self._command
            before = self._folder, self._command
            done: list[_Slot] = []
            self._folder = folder
            self._command = tuple(command) if command is not None else self._command
            try:
                for slot in self._slots:
                    self._swap(slot, replacing=replacing)
                    done.append(slot)
            except ShipworthyError:
                self._folder, self._command = before
                for slot in done:
                    with contextlib.suppress(ShipworthyError):
                        self._swap(slot, replacing=replacing)
                raise

    def status(self) -> Status:
        """How it stands now."""
        return Status(self.url, self._folder, tuple(_status(slot) for slot in self._slots))

    def stop(self) -> None:
        """Let the workers finish what they have read, then end them and give up the address."""
        self._stopping.set()
        with self._lock:
            workers = [slot.worker for slot in self._slots if slot.worker is not None]
            for worker in workers:
                worker.drain()
            for worker in workers:
                worker.end(self._serving.limits.drain + 5.0)
            for one in self._sockets:
                one.close()
        if self._watcher.is_alive() and self._watcher is not threading.current_thread():
            self._watcher.join()

    @property
    def _metrics(self) -> Path:
        return self._serving.work / "metrics"

    def _start(self, slot: _Slot) -> WorkerProcess:
        serving = self._serving
        settings = WorkerSettings(
            name=slot.name,
            folder=str(self._folder),
            logs=str(serving.logs),
            metrics=str(self._metrics),
            socket=-1,
            control=-1,
            trusted=str(serving.trusted),
            rehearsal=str(serving.rehearsal) if serving.rehearsal is not None else None,
            limits=serving.limits,
        )
        return WorkerProcess(self._command, settings, slot.socket, serving.work / "workers.log")

    def _swap(self, slot: _Slot, *, replacing: bool) -> None:
        if slot.worker is None or not slot.worker.alive:
            self._restart(slot)
        elif replacing:
            self._replace(slot)
        else:
            slot.worker.swap(str(self._folder), PATIENCE)

    def _replace(self, slot: _Slot) -> None:
        """A new process on the same socket, then the end of the old one."""
        old, slot.other = slot.worker, not slot.other
        new = self._start(slot)
        try:
            new.wait_ready(PATIENCE)
        except ShipworthyError:
            slot.other = not slot.other
            new.end(0.0)
            raise
        slot.worker = new
        if old is not None:
            old.drain()
            old.end(self._serving.limits.drain + 5.0)

    def _restart(self, slot: _Slot) -> None:
        if slot.worker is not None:
            slot.worker.end(0.0)
        reset_gauges(self._metrics, slot.name)
        slot.worker = self._start(slot)
        slot.worker.wait_ready(PATIENCE)

    def _watch(self) -> None:
        """Start again what ended unasked, with a pause that grows while it ends early."""
        while not self._stopping.wait(WATCH):
            if not self._lock.acquire(blocking=False):
                continue  # a swap is under way and looks after its workers itself
            try:
                for slot in self._slots:
                    if not self._stopping.is_set():
                        self._look_after(slot)
            finally:
                self._lock.release()

    def _look_after(self, slot: _Slot) -> None:
        worker = slot.worker
        if worker is None or worker.alive:
            return
        now = time.monotonic()
        if not slot.again:
            slot.pause = 0.0 if now - worker.began > CALM else min(max(slot.pause * 2, 0.1), LONGEST_PAUSE)
            slot.again = now + (slot.pause if slot.restarts else 0.0)
            _logger.warning("worker %s ended with %s; starting it again", slot.name, worker.process.returncode)
        if now < slot.again:
            return
        slot.again = 0.0
        slot.restarts += 1
        try:
            self._restart(slot)
        except ShipworthyError as error:
            _logger.error("worker %s cannot serve: %s", slot.name, error)


def _status(slot: _Slot) -> WorkerStatus:
    worker = slot.worker
    ready = worker.ready if worker is not None and worker.alive else None
    return WorkerStatus(
        slot.name,
        worker.process.pid if worker is not None and worker.alive else None,
        ready.release if ready is not None else None,
        ready.source if ready is not None else None,
        slot.restarts,
    )
