"""One HTTP/1.1 connection of the load generator: a request out, an answer in, and the instant it came."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, cast

import httptools

from shipworthy.rehearsal.plan import Plan

NO_ANSWER = 0  # the status of a connection that was lost while a request was under way


class Owner(Protocol):
    """Who sends requests over connections."""

    def connected(self, connection: Connection) -> None:
        """A connection is open and free."""

    def answered(self, connection: Connection, request: int, status: int, instant: int) -> None:
        """The answer to `request` came whole at `instant` (ns, monotonic); NO_ANSWER where none will."""

    def lost(self, connection: Connection) -> None:
        """A connection is closed; comes after `answered` where a request was under way."""


class Connection(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._instant = 0
        self._request: int | None = None

    def send(self, request: int, message: bytes) -> None:
        """Send a request; `request` comes back with its answer."""
        self._request = request
        if self._transport is None or self._transport.is_closing():
            self._finish(NO_ANSWER, time.monotonic_ns())
        else:
            self._transport.write(message)

    def close(self) -> None:
        """Close it, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: it is open."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(0)  # a request leaves at once, not at the end of the loop's turn
        self._owner.connected(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self._instant = time.monotonic_ns()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        """httptools: an answer is whole."""
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        self._finish(self._parser.get_status_code(), self._instant)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is closed."""
        self._transport = None
        self._finish(NO_ANSWER, time.monotonic_ns())
        self._owner.lost(self)

    @property
    def closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    def _finish(self, status: int, instant: int) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._owner.answered(self, request, status, instant)


async def connect(plan: Plan, loop: asyncio.AbstractEventLoop, owner: Owner) -> Connection:
    """Open a connection to what a plan drives. OSError."""
    made = await loop.create_connection(lambda: Connection(owner), plan.host, plan.port, ssl=plan.tls or None)
    return made[1]


def message(plan: Plan, body: bytes) -> bytes:
    """A POST request as bytes."""
    lines = [
        f"POST {plan.path} HTTP/1.1",
        f"host: {plan.host}:{plan.port}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in plan.headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
