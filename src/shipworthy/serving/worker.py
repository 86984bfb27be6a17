"""A worker process: loads a release, answers on an inherited socket, and does what its supervisor says.

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

import msgspec
import uvloop

from shipworthy.predictions.log import REHEARSAL, LogWriter, source_name
from shipworthy.serving.answering import Answering
from shipworthy.serving.control import Drain, Ready, Report, Unable, decode_order, line
from shipworthy.serving.heartbeat import Heartbeat
from shipworthy.serving.live import Live
from shipworthy.serving.loading import load
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.routes import Routes
from shipworthy.serving.server import Server
from shipworthy.serving.settings import WorkerSettings

COLLECTIONS = (20_000, 20, 50)  # of the garbage collector: requests leave no cycles, so there is little to find

_logger = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """Run a worker; the one argument is its settings as JSON. Returns the process's exit code."""
    logging.basicConfig(format="%(asctime)s %(process)d %(levelname)s %(message)s", level=logging.INFO)
    (text,) = sys.argv[1:] if arguments is None else arguments
    settings = msgspec.json.decode(text, type=WorkerSettings)
    control = socket.socket(fileno=settings.control)
    try:
        live = load(Path(settings.folder), settings)
    except Exception as error:  # libraries raise what they like at a file that they cannot read
        _logger.exception("cannot serve %s", settings.folder)
        control.sendall(line(_unable(error, settings.folder)))
        return 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor says what to do
    uvloop.run(Worker(settings, live, control).run())
    return 0


class Worker:
    """Holds what a swap exchanges, and the line to the supervisor."""

    def __init__(self, settings: WorkerSettings, live: Live, control: socket.socket) -> None:
        self._settings, self._control = settings, control
        name = settings.name if settings.rehearsal is None else f"{REHEARSAL}{settings.name}"
        self._log = LogWriter(Path(settings.logs), source_name(name), durability=live.contract.serving.durability)
        _open_log(self._log, live)
        metrics = self._metrics(live)
        self._answering = Answering(live, self._log, metrics, self._routes(live))
        self._stop = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        """Answer until told to stop."""
        loop = asyncio.get_running_loop()
        heartbeat = Heartbeat(Path(self._settings.metrics), self._settings.name)
        server = Server(self._answering, self._settings.limits, loop, heartbeat.beat)
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        reader, self._writer = await asyncio.open_connection(sock=self._control)
        self._answering.metrics.begin()
        server.start(socket.socket(fileno=self._settings.socket))
        orders = loop.create_task(self._obey(reader, server))
        gc.collect()
        gc.freeze()  # what a start leaves lives as long as the process: no collection looks at it again
        gc.set_threshold(*COLLECTIONS)
        self._say(Ready(self._answering.live.number, self._log.source))
        await self._stop.wait()
        await server.drain()
        orders.cancel()
        self._answering.metrics.close()
        self._log.close()

    async def _obey(self, reader: asyncio.StreamReader, server: Server) -> None:
        """Follow orders, one after the other, until the supervisor is gone."""
        while text := await reader.readline():
            order = decode_order(text)
            if isinstance(order, Drain):
                break
            await self._swap(Path(order.folder), server)
        self._stop.set()

    async def _swap(self, folder: Path, server: Server) -> None:
        """Load beside the release that answers, then exchange the two between ticks."""
        try:
            live = await asyncio.to_thread(load, folder, self._settings)
            self._log.durability = live.contract.serving.durability
            _open_log(self._log, live)
        except Exception as error:
            _logger.exception("cannot serve %s, goes on with release %d", folder, self._answering.live.number)
            self._say(_unable(error, str(folder)))
            return
        before = self._answering.metrics
        self._answering.swap(live, self._metrics(live), self._routes(live))
        before.close()
        self._answering.metrics.begin(server.connections)
        self._answering.metrics.add("shipworthy_swaps_total")
        gc.freeze()
        self._say(Ready(live.number, self._log.source))

    def _metrics(self, live: Live) -> Metrics:
        names = tuple(feature.name for feature in live.description.features)
        return Metrics(Path(self._settings.metrics), self._settings.name, live.model, names, live.number)

    def _routes(self, live: Live) -> Routes:
        return Routes(live, Path(self._settings.metrics), self._unready)

    def _unready(self) -> str:
        """Why this worker should get no traffic; "" if it should."""
        return "stopping" if self._stop.is_set() else self._answering.log_failure

    def _say(self, report: Report) -> None:
        if self._writer is not None:
            self._writer.write(line(report))


def _open_log(log: LogWriter, live: Live) -> None:
    log.open(
        live.model,
        live.number,
        live.description.features,
        live.description.classes,
        live.contract.serving.event_time,
    )


def _unable(error: BaseException, folder: str) -> Unable:
    return Unable(str(error), type(error).__name__, folder)


if __name__ == "__main__":
    sys.exit(main())
