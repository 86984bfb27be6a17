"""A worker's event loop: connections, ticks, the sweep over what takes too long, and the end in order."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from shipworthy.serving.accepting import Accepting
from shipworthy.serving.connection import Connection
from shipworthy.serving.exchange import Exchange, KnownHeads
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.observing import NoHeads, TracedConnection
from shipworthy.serving.responses import Heads, Reply
from shipworthy.serving.settings import Limits
from shipworthy.serving.standby import Pages, Standby

LIVE = b"/v2/health/live"


class Front(Protocol):
    """Takes the requests of each tick."""

    @property
    def dated(self) -> bool:
        """Whether any request of the last tick had a deadline."""
        ...

    @property
    def metrics(self) -> Metrics:
        """The figures that connections are counted in."""
        ...

    def answer(self, exchanges: Sequence[Exchange], began: float, waited: float = 0.0) -> None:
        """Answer them, or see to it that they are."""
        ...


class Server:
    """Accepts connections on one socket and has their requests answered, a tick at a time.

    Requests that were read in one turn of the loop are answered together at its end: a tick waits for nothing.
    """

    def __init__(
        self,
        answering: Front,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        beat: Callable[[], None] = lambda: None,  # called about once a second while the loop turns
        pages: Pages | None = None,  # what is answered while a model call takes long
        traced: bool = False,
    ) -> None:
        self.limits = limits
        self.heads = Heads()
        self.known = NoHeads() if traced else KnownHeads()
        self._connection = TracedConnection if traced else Connection
        self.draining = False
        self.now = 0.0
        self._answering = answering
        self._connections: set[Connection] = set()
        self._waiting: list[Exchange] = []
        self._began = 0.0
        self._last_began = math.inf  # of the tick before; inf: the loop has found nothing to read since then
        self._loop, self._beat = loop, beat
        self._accepting: Accepting | None = None
        self._since = 0.0  # when the tick under way began
        self._pages = pages
        self._standby: Standby | None = None
        self._ended = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def start(self, listening: socket.socket) -> None:
        """Begin to accept."""
        self._accepting = Accepting(self._loop, listening, lambda: self._connection(self), self._look_for_end)
        if self._pages is not None:
            pages = {**self._pages, LIVE: self._live}
            self._standby = Standby(listening, lambda: self._since, pages, self._take_over, self._stood_in)
            self._standby.start()
        self._sweep()

    async def drain(self) -> None:
        """Accept no more, answer what was read and whoever is in the middle of something, then end."""
        if self._standby is not None:
            await asyncio.to_thread(self._standby.stop)
        if self._accepting is not None:
            self._accepting.close()
        self.draining = True
        self._look_for_end()
        try:
            await asyncio.wait_for(self._ended.wait(), self.limits.drain)
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await asyncio.sleep(0)  # their ends are told in the next turn of the loop

    def opened(self, connection: Connection) -> bool:
        """A connection begins."""
        self._connections.add(connection)
        self._answering.metrics.put("shipworthy_connections", len(self._connections))
        return len(self._connections) <= self.limits.connections

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        self._answering.metrics.put("shipworthy_connections", len(self._connections))
        self._look_for_end()

    def take(self, exchange: Exchange) -> None:
        """A request was read: it is answered at the end of this turn of the loop."""
        if not self._waiting:
            self._began = time.perf_counter()
            self._loop.call_soon(self.tick)
        self._waiting.append(exchange)

    def tick(self) -> None:
        """Answer what was read in this turn of the loop."""
        waiting, self._waiting = self._waiting, []
        self.heads.now(time.time_ns())
        began = self._began
        self._since = time.perf_counter()
        try:
            self._answering.answer(waiting, began, max(0.0, began - self._last_began))
        finally:
            self._since = 0.0
        self._last_began = began
        if self._answering.dated:
            self._loop.call_soon(self._look_for_pause)
        else:
            self._last_began = math.inf

    def sent(self) -> float:
        """When what is read now was sent, at the earliest."""
        return min(time.perf_counter(), self._last_began)

    def _look_for_pause(self) -> None:
        """Called in the turn after a tick, when the loop has read what came meanwhile.

        What is read right after a tick may have waited as long as that took. If nothing is, nothing waits: what comes
        later is read at once.
        """
        if not self._waiting:
            self._last_began = math.inf

    def _take_over(self, connections: list[socket.socket]) -> None:
        """Connections that another thread took while the loop stood still."""
        self._loop.call_soon_threadsafe(self._adopt, connections)

    def _stood_in(self, status: int) -> None:
        """Another thread answered a request while the loop stood still."""
        self._loop.call_soon_threadsafe(self._count, status)

    def _count(self, status: int) -> None:
        self._answering.metrics.status(status)

    def _adopt(self, connections: list[socket.socket]) -> None:
        for connection in connections:
            if self._accepting is not None:
                self._accepting.adopt(connection)

    def _live(self) -> Reply:
        """Whether a tick under way may still end by itself. Called in another thread."""
        since = self._since
        alive = not since or time.perf_counter() - since < self.limits.hung
        return Reply(200, b'{"live":true}') if alive else Reply(503, b'{"live":false}')

    def _sweep(self) -> None:
        self._beat()
        self.now = now = self._loop.time()
        for connection in list(self._connections):
            connection.sweep(now)
        self._loop.call_later(0.2 if self.draining else 1.0, self._sweep)

    def _look_for_end(self) -> None:
        if self.draining and not self._connections and not (self._accepting and self._accepting.opening):
            self._ended.set()
