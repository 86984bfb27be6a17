"""Open loop: requests leave at their intended instants whatever the answers do, and latency counts from there."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

from shipworthy.rehearsal.arrivals import poisson
from shipworthy.rehearsal.connection import NO_ANSWER, Connection, connect, message
from shipworthy.rehearsal.plan import Plan
from shipworthy.rehearsal.timer import timer

_LEAD = 300_000_000  # ns between the last connection and the first request: the server has to accept them all
_NEVER = 3_600_000_000_000  # ns after now
_FAILED = -1
_UNANSWERED = -2


class OpenLoop:
    """One run of a schedule. `latencies` and `lateness` are those of the measured requests, in ns."""

    def __init__(self, plan: Plan, loop: asyncio.AbstractEventLoop) -> None:
        total = plan.warm_up + plan.requests
        self.plan, self._loop, self._total = plan, loop, total
        self._messages = [message(plan, body) for body in plan.bodies]
        self._due: list[int] = []
        self._next = 0
        self._open = self._opening = self._under_way = 0
        self._late = 0
        self._limit = plan.limit_ms * 1e6
        self._idle: deque[Connection] = deque()
        self._waiting: deque[int] = deque()
        self._latencies = [_UNANSWERED] * total
        self._lateness = [0] * total
        self.errors: Counter[str] = Counter()
        self.capped = self.gave_up = False
        self.last_answer = 0
        self._done: asyncio.Future[None] = loop.create_future()
        self._connecting: set[asyncio.Task[None]] = set()
        self._timer = timer(loop, self._tick)

    async def run(self) -> None:
        """Send the whole schedule and wait for the answers, `plan.timeout` seconds for the last of them."""
        for _ in range(self.plan.connections):
            self._connect()
        await asyncio.gather(*self._connecting)
        start = time.monotonic_ns() + _LEAD
        self._due = (poisson(self.plan.rate, self._total, self.plan.seed) + start).tolist()
        self._timer.arm(self._due[0])
        patience = (self._due[-1] - start) / 1e9 + self.plan.timeout
        await asyncio.wait([self._done], timeout=patience)
        self._timer.close()
        unanswered = self._under_way + len(self._waiting)
        if unanswered and not self.gave_up:
            self.errors["no answer in time"] += unanswered

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._open

    @property
    def seconds(self) -> float:
        """From the first measured request's intended sending to the last answer."""
        return (max(self.last_answer, self._due[self.plan.warm_up]) - self._due[self.plan.warm_up]) / 1e9

    def measured(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Latencies (-1 where no good answer came) and own lateness of the measured requests that were sent.

        A run that gave up leaves out what was still under way: nobody waited to see whether it would have been late.
        """
        sent = slice(self.plan.warm_up, self._next)
        latencies, lateness = np.array(self._latencies[sent], np.int64), np.array(self._lateness[sent], np.int64)
        if self.gave_up:
            known = latencies != _UNANSWERED
            latencies, lateness = latencies[known], lateness[known]
        return np.maximum(latencies, _FAILED), lateness

    def _tick(self) -> None:
        due, lateness = self._due, self._lateness
        while self._next < self._total:
            request = self._next
            now = time.monotonic_ns()
            if due[request] > now:
                self._timer.arm(due[request])
                return
            self._next = request + 1
            lateness[request] = now - due[request]
            self._send(request)
        self._timer.arm(time.monotonic_ns() + _NEVER)  # armed anew, a timer that rang falls silent
        self._finish_if_over()

    def _send(self, request: int) -> None:
        while self._idle:
            connection = self._idle.popleft()
            if not connection.closing:
                self._under_way += 1
                connection.send(request, self._messages[request % len(self._messages)])
                return
        self._waiting.append(request)
        if self._open + self._opening < self.plan.most_connections:
            self._connect()
        else:
            self.capped = True

    def _connect(self) -> None:
        self._opening += 1
        task = self._loop.create_task(self._connection())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connection(self) -> None:
        try:
            await connect(self.plan, self._loop, self)
        except OSError as error:
            self._opening -= 1
            if self._waiting:
                self._fail(self._waiting.popleft(), f"no connection: {error.strerror or error}")

    def connected(self, connection: Connection) -> None:
        """Owner: a connection is open and free."""
        self._opening -= 1
        self._open += 1
        self._free(connection)

    def answered(self, connection: Connection, request: int, status: int, instant: int) -> None:
        """Owner: an answer came, or never will."""
        self._under_way -= 1
        latency = instant - self._due[request]
        if status == 200:
            self._latencies[request] = latency
            self.last_answer = instant
            if latency > self._limit:
                self._count_late(request)
        else:
            self._fail(request, "connection lost" if status == NO_ANSWER else f"status {status}")
        if not connection.closing:
            self._free(connection)
        self._finish_if_over()

    def lost(self, connection: Connection) -> None:
        """Owner: a connection is closed."""
        self._open -= 1
        if self._waiting and self._open + self._opening < self.plan.most_connections:
            self._connect()

    def _free(self, connection: Connection) -> None:
        # Round-robin over the idle ones, so that every worker behind the port gets its share.
        self._idle.append(connection)
        if self._waiting:
            self._send(self._waiting.popleft())

    def _fail(self, request: int, reason: str) -> None:
        self._latencies[request] = _FAILED
        if request >= self.plan.warm_up:
            self.errors[reason] += 1
        self._count_late(request)
        self._finish_if_over()

    def _count_late(self, request: int) -> None:
        self._late += request >= self.plan.warm_up
        if self.plan.give_up is not None and self._late >= self.plan.give_up and not self._done.done():
            self.gave_up = True
            self._done.set_result(None)

    def _finish_if_over(self) -> None:
        if self._next == self._total and not self._under_way and not self._waiting and not self._done.done():
            self._done.set_result(None)
