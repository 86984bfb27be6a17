"""Callers of the server: keep-alive connections that ask one request after another, and ask again where one died.

A request that got no answer may have been computed all the same, so each carries its caller's own id. What cannot be
answered now (the connection is gone, 429, 502, 503, 504) is asked again after a pause; any other status is an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import cast
from urllib.parse import urlsplit

import httptools

AGAIN = frozenset({429, 502, 503, 504})
TRIES = 9
PAUSE = 0.05  # seconds before the second try; doubled for each further one, 12.8 s in all
PATIENCE = 10.0  # seconds that one try may take


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one request."""

    status: int  # 0: no answer after all tries
    body: bytes
    tries: int


class Callers:
    """A fixed number of connections to one server. An async context manager."""

    def __init__(self, url: str, path: str, connections: int = 16) -> None:
        """`url` is the server's, as in "http://127.0.0.1:8080"."""
        address = urlsplit(url)
        if address.scheme != "http" or not address.hostname:
            raise ValueError(f"{url!r} is no address of a server such as http://127.0.0.1:8080")
        self._host, self._port = address.hostname, address.port or 80
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n"
            "Content-Length: "
        ).encode()
        self._lines: list[_Line | None] = [None] * connections

    async def __aenter__(self) -> Callers:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines:
            if line is not None:
                line.hang_up()

    async def ask(self, bodies: Sequence[bytes], rate: float | None = None) -> list[Reply]:
        """The replies to JSON bodies, in their order.

        With a rate (requests a second), each is sent at its own moment, or as soon as a connection is free.
        """
        replies: list[Reply | None] = [None] * len(bodies)
        waiting = iter(range(len(bodies)))
        started = asyncio.get_running_loop().time()

        async def caller(number: int) -> None:
            for index in waiting:
                if rate is not None:
                    await _until(started + index / rate)
                replies[index] = await self._insist(number, bodies[index])

        async with asyncio.TaskGroup() as group:
            for number in range(min(len(self._lines), len(bodies))):
                group.create_task(caller(number))
        return [reply for reply in replies if reply is not None]

    async def _insist(self, number: int, body: bytes) -> Reply:
        request = self._head + f"{len(body)}\r\n\r\n".encode() + body
        status, content = 0, b""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                line = await self._line(number)
                status, content = await line.ask(request)
            except (OSError, TimeoutError):
                status, content = 0, b""
            if status and status not in AGAIN:
                return Reply(status, content, attempt + 1)
        return Reply(status, content, TRIES)

    async def _line(self, number: int) -> _Line:
        line = self._lines[number]
        if line is None or line.dead:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(PATIENCE):
                _, line = await loop.create_connection(_Line, self._host, self._port)
            self._lines[number] = line
        return line


class _Line(asyncio.Protocol):
    """One connection. One request at a time."""

    def __init__(self) -> None:
        self.dead = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body; ConnectionError or TimeoutError where none came."""
        if self._transport is None or self.dead:
            raise ConnectionResetError("the server hung up")
        answer = self._answer = self._loop.create_future()
        timer = self._loop.call_later(PATIENCE, self._give_up, answer)
        self._transport.write(request)
        try:
            status, body = await answer
            return status, body
        finally:
            timer.cancel()
            self._answer = None

    def hang_up(self) -> None:
        """Close the connection."""
        self.dead = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own are none by name

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.hang_up()
            self._fail(ConnectionError(f"the server does not speak HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.dead = True
        self._fail(ConnectionResetError("the server hung up"))

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self.hang_up()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), self._body))

    def _give_up(self, answer: asyncio.Future[tuple[int, bytes]]) -> None:
        """An answer that comes later than this must not be taken for the next one's."""
        self.hang_up()
        if not answer.done():
            answer.set_exception(TimeoutError(f"no answer in {PATIENCE} s"))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


async def _until(moment: float) -> None:
    delay = moment - asyncio.get_running_loop().time()
    if delay > 0:
        await asyncio.sleep(delay)
