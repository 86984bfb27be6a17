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

from shipworthy.serving.control import Drain, Ready, Report, Unable, decode_order, line
from shipworthy.serving.heartbeat import Heartbeat
from shipworthy.serving.many import Many
from shipworthy.serving.one import One
from shipworthy.serving.server import Front, Server
from shipworthy.serving.settings import WorkerSettings

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
        self._desk: Desk = (Many if settings.many else One)(settings, self._why)
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Answer until told to stop."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        heartbeat = Heartbeat(Path(self._settings.metrics), self._settings.name)
        server = Server(self._desk.front, self._settings.limits, loop, heartbeat.beat)
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


def _unable(error: BaseException, folder: str) -> Unable:
    return Unable(str(error), type(error).__name__, folder)


if __name__ == "__main__":
    sys.exit(main())
