"""A worker process: answers on an inherited socket with one release or many, and does what its supervisor says.

    python -m shipworthy.wiring.serve '{"name": "w0", "folder": …, "socket": 5, "control": 6, …}'

It ends in order when it is told to drain, on SIGTERM, or when its supervisor is gone.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import Protocol

import msgspec
import uvloop

from shipworthy.serving.access_log import AccessLog
from shipworthy.serving.control import Drain, Ready, Report, Unable, decode_order, line
from shipworthy.serving.heartbeat import Heartbeat
from shipworthy.serving.many import Many
from shipworthy.serving.observing import Observing, Watcher
from shipworthy.serving.one import One
from shipworthy.serving.server import Front, Server
from shipworthy.serving.settings import WorkerSettings
from shipworthy.serving.standby import Pages
from shipworthy.serving.tracing import Tracing

COLLECTIONS = (20_000, 20, 50)  # of the garbage collector: requests leave no cycles, so there is little to find
SWITCH = 0.0005  # seconds until a thread that loads a model lets the loop go on, instead of Python's 0.005

_logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; the one argument is its settings as JSON. Returns the process's exit code."""
    logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(message)s", level=logging.INFO)
    (text,) = sys.argv[1:] if arguments is None else arguments
    settings = msgspec.json.decode(text, type=WorkerSettings)
    control = socket.socket(fileno=settings.control)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says what to do
    try:
        worker = Worker(settings, control)
    except Exception as error:  # libraries raise what they like at a file that they cannot read
        _logger.exception("cannot serve %s", settings.folder)
        control.sendall(line(_unable(error, settings.folder)))
        return 1
    uvloop.run(worker.run())
    return 0


class Desk(Protocol):
    """Whatever answers, behind the loop."""

    @property
    def front(self) -> Front:
        """Takes the requests of each tick."""
        ...

    @property
    def ready(self) -> Ready:
        """What the supervisor is told."""
        ...

    @property
    def pages(self) -> Pages:
        """What needs no model and no loop."""
        ...

    def named(self, target: bytes) -> tuple[str, int]:
        """Model and release that a request is for."""
        ...

    def look(self) -> None:
        """Called about once a second."""
        ...

    async def swap(self, folder: Path, connections: int) -> None:
        """Answer with what lies there. Raises what keeps it from that; then all stays as it was."""
        ...

    def close(self) -> None:
        """No more answers."""
        ...


class Worker:
    """The line to the supervisor, and the loop's beginning and end."""

    def __init__(self, settings: WorkerSettings, control: socket.socket) -> None:
        self._settings, self._control = settings, control
        self._stopping = False
        self._watchers = _watchers(settings)
        self._desk: Desk = (Many if settings.many else One)(settings, self._why)
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Answer until told to stop."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        heartbeat = Heartbeat(Path(self._settings.metrics), self._settings.name)
        front = Observing(self._desk.front, self._desk.named, self._watchers) if self._watchers else None

        def beat() -> None:
            heartbeat.beat()
            self._desk.look()
            if front is not None:
                front.flush()

        traced = self._settings.traces or bool(self._settings.access_log)
        limits, pages = self._settings.limits, self._desk.pages
        server = Server(front or self._desk.front, limits, loop, beat, pages, traced=traced)
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        self._desk.front.metrics.begin()
        server.start(socket.socket(fileno=self._settings.socket))
        orders = loop.create_task(self._obey(reader, server, stop))
        gc.collect()
        gc.freeze()  # what a start leaves lives as long as the process: no collection looks at it again
        gc.set_threshold(*COLLECTIONS)
        if self._settings.many:
            sys.setswitchinterval(SWITCH)
        self._say(self._desk.ready)
        await stop.wait()
        self._stopping = True
        await server.drain()
        orders.cancel()
        self._desk.close()
        if front is not None:
            front.close()

    async def _obey(self, reader: asyncio.StreamReader, server: Server, stop: asyncio.Event) -> None:
        """Follow orders, one after the other, until the supervisor is gone."""
        while text := await reader.readline():
            order = decode_order(text)
            if isinstance(order, Drain):
                break
            try:
                await self._desk.swap(Path(order.folder), server.connections)
            except Exception as error:
                _logger.exception("cannot serve %s, goes on as before", order.folder)
                self._say(_unable(error, order.folder))
            else:
                self._say(self._desk.ready)
        stop.set()

    def _why(self) -> str:
        """Why there should be no traffic, whatever the models say."""
        return "stopping" if self._stopping else ""

    def _say(self, report: Report) -> None:
        if self._writer is not None:
            self._writer.write(line(report))


def _watchers(settings: WorkerSettings) -> list[Watcher]:
    """Whoever is told of every request. WrongUse, OSError."""
    watchers: list[Watcher] = []
    if settings.access_log:
        watchers.append(AccessLog(Path(settings.access_log)))
    if settings.traces:
        watchers.append(Tracing(settings.name))
    return watchers


def _unable(error: BaseException, folder: str) -> Unable:
    return Unable(str(error), type(error).__name__, folder)


if __name__ == "__main__":
    sys.exit(main())
