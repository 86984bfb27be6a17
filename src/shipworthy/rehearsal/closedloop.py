"""Closed loop: every connection sends its next request when its answer came. Shows what a server can do at most."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from shipworthy.rehearsal.connection import NO_ANSWER, Connection, connect, message
from shipworthy.rehearsal.plan import Plan


class ClosedLoop:
    """One run with a fixed number of connections, for `plan.seconds`."""

    def __init__(self, plan: Plan, loop: asyncio.AbstractEventLoop) -> None:
        self.plan, self._loop = plan, loop
        self._messages = [message(plan, body) for body in plan.bodies]
        self._sent: list[int] = []
        self._latencies: list[int] = []
        self._connections: set[Connection] = set()
        self._end = 0
        self._start = 0
        self.errors: Counter[str] = Counter()
        self.capped = self.gave_up = False

    async def run(self) -> None:
        """Send and wait until the time is over; what is under way then is not counted."""
        for _ in range(self.plan.connections):
            try:
                await connect(self.plan, self._loop, self)
            except OSError as error:
                self.errors[f"no connection: {error.strerror or error}"] += 1
        self._start = time.monotonic_ns()
        self._end = self._start + int(self.plan.seconds * 1e9)
        for connection in list(self._connections):
            self._next(connection)
        await asyncio.sleep(self.plan.seconds)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.plan.seconds

    def measured(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Latencies (-1 where no good answer came); a closed loop is never late."""
        latencies = np.array(self._latencies, np.int64)
        return latencies, np.zeros_like(latencies)

    def connected(self, connection: Connection) -> None:
        """Owner: a connection is open."""
        self._connections.add(connection)

    def answered(self, connection: Connection, request: int, status: int, instant: int) -> None:
        """Owner: an answer came, or never will."""
        if instant > self._end:
            return
        if status == 200:
            self._latencies.append(instant - self._sent[request])
        else:
            self._latencies.append(-1)
            self.errors["connection lost" if status == NO_ANSWER else f"status {status}"] += 1
        if not connection.closing:
            self._next(connection)

    def lost(self, connection: Connection) -> None:
        """Owner: a connection is closed."""
        self._connections.discard(connection)

    def _next(self, connection: Connection) -> None:
        request = len(self._sent)
        self._sent.append(time.monotonic_ns())
        connection.send(request, self._messages[request % len(self._messages)])
