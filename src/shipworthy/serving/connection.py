"""One HTTP/1.1 connection: bytes in, whole requests to the server, answers out in the order of the requests.

A request that cannot be read is passed on as a problem, so that its refusal waits for the answers before it; after that
the connection reads nothing more. Callers that were still sending get a moment to read the refusal, because closing on
unread bytes would reset the connection and take the answer with it.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, Protocol

import httptools

from shipworthy.serving.exchange import Exchange, Head, KnownHeads
from shipworthy.serving.problems import Overloaded, Problem
from shipworthy.serving.responses import CONTINUE, Heads, Reply
from shipworthy.serving.settings import Limits

LINGER = 2.0  # seconds for a refused caller to read why


class Owner(Protocol):
    """The server, as its connections see it."""

    limits: Limits
    heads: Heads
    known: KnownHeads
    now: float  # coarse: seconds of the loop's clock at the last sweep
    draining: bool

    def opened(self, connection: Connection) -> bool:
        """A connection begins; False: there are too many."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...

    def take(self, exchange: Exchange) -> None:
        """A request was read."""
        ...

    def sent(self) -> float:
        """When what is read now was sent, at the earliest (time.perf_counter)."""
        ...


class Connection(asyncio.Protocol):
    """A caller's connection. The methods named on_… are called by the parser."""

    __slots__ = (
        "_awaited", "_begun", "_body", "_deadline", "_described", "_digits", "_expects", "_head_bytes", "_head_done",
        "_length", "_more", "_owes_continue", "_owner", "_parser", "_problem", "_refused", "_sent", "_since", "_target",
        "_transport", "_unread_since", "_whole",
    )  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._digits = len(str(owner.limits.body))  # a length with fewer of them is not too long
        self._awaited = 0  # requests that have no answer yet
        self._begun = False  # in the middle of a request
        self._more = True  # further requests may come
        self._refused = False  # the caller was refused and may still be sending
        self._owes_continue = False
        self._since = 0.0  # of the last change of state: coarse
        self._unread_since: float | None = None  # the caller does not take its answers
        self._whole: bytes | None = None  # bytes that began with a request and are being parsed
        self._sent = math.inf  # when the request that is being read was, where it comes in several pieces
        self.on_message_begin()
        self._begun = False

    # asyncio

    def connection_made(self, transport: Any) -> None:
        """A caller connected."""
        self._transport = transport
        transport.set_write_buffer_limits(0)  # an answer leaves at once, not at the end of the loop's turn
        self._since = self._owner.now
        if not self._owner.opened(self):
            self._refuse(Overloaded("too many connections", "connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; answers still to come go nowhere."""
        self._owner.closed(self)
        self._more = False
        self._parser = self._transport = None

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        if not self._more:
            return
        if not self._begun:
            owner = self._owner
            self._since = owner.now
            end = data.find(b"\r\n\r\n") + 4
            known = owner.known.get(data[:end])
            if known is not None and len(data) - end == known[1]:
                self._awaited += 1
                owner.take(Exchange(self, known[0], data[end:]))
                return
            self._whole = data
        elif not self._head_done:
            self._head_bytes += len(data)
        self._parse(data)
        if self._begun and self._sent == math.inf:
            self._sent = self._owner.sent()

    def eof_received(self) -> bool:
        """The caller sends no more; its answers are still written."""
        self._more = False
        return self._awaited > 0

    def pause_writing(self) -> None:
        """The caller does not take its answers: take no more of its requests."""
        self._unread_since = self._owner.now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The caller took its answers."""
        self._unread_since = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # httptools

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begun = True
        self._target = b""
        self._body: bytes | bytearray = b""
        self._head_done = False
        self._head_bytes = 0
        self._expects = False
        self._length = 0
        self._deadline: float | None = None
        self._described: int | None = None
        self._problem: Problem | None = None
        self._sent = math.inf

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header: most are of no concern."""
        length = len(name)
        # Nearly every request says its length: it is looked at only where it could be too much.
        if length in _WATCHED and (length != _CONTENT_LENGTH or len(value) >= self._digits):
            self._watched(name.lower(), value)

    def on_headers_complete(self) -> None:
        """The head is whole, the body comes."""
        self._head_done = True
        if self._length > self._owner.limits.body:
            self._too_large()
        elif self._expects and self._problem is None:
            if self._awaited:
                self._owes_continue = True
            else:
                self._transport.write(CONTINUE)

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self._problem is not None:
            return
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += data
        if len(self._body) > self._owner.limits.body:
            self._too_large()

    def on_message_complete(self) -> None:
        """A request is whole."""
        if not self._more or self._problem is not None:
            return
        self._begun = False
        parser = self._parser
        close = not parser.should_keep_alive() or parser.get_http_version() != "1.1"
        if close:
            self._more = False
        self._awaited += 1
        method, deadline, described = parser.get_method(), self._deadline, self._described
        plain = method == b"POST" and not close and deadline is None and described is None
        head = Head(method, self._target, close, deadline, described, plain)
        if self._whole is not None and not close and not self._expects:
            self._owner.known.learn(self._whole, head, self._body)
        self._owner.take(Exchange(self, head, self._body, None, self._sent))

    # the server

    def reply(self, reply: Reply, *, close: bool, bodyless: bool) -> None:
        """Write the next answer."""
        self._awaited -= 1
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        last = close or (not self._awaited and not self._begun and (self._owner.draining or not self._more))
        transport.write(self._owner.heads.message(reply, close=last, bodyless=bodyless))
        self._since = self._owner.now
        if self._owes_continue and not self._awaited:
            self._owes_continue = False
            transport.write(CONTINUE)
        if last:
            self._end()

    def sweep(self, now: float) -> None:
        """End what takes too long. Called about once a second."""
        if self._transport is None:
            return
        limits, quiet = self._owner.limits, now - self._since
        if self._unread_since is not None and now - self._unread_since > limits.unread:
            self._transport.abort()
        elif self._refused or not self._more:
            if quiet > LINGER and not self._awaited:
                self._transport.abort()
        elif self._begun:
            if quiet > limits.request:
                self._refuse(Problem(408, f"the request did not arrive within {limits.request:g} s"))
        elif not self._awaited and quiet > (1.0 if self._owner.draining else limits.idle):
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(self._problem or Problem(400, f"this is not HTTP/1.1: {error}"))
            return
        finally:
            self._whole = None
        if self._problem is not None:
            self._refuse(self._problem)
        elif self._begun and not self._head_done and self._head_bytes > self._owner.limits.head:
            self._refuse(Problem(431, f"the head of the request is longer than {self._owner.limits.head} bytes"))

    def _watched(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self._length = int(value) if value.isdigit() else 0
        elif name == b"expect":
            if value.lower() == b"100-continue":
                self._expects = True
            else:
                self._problem = Problem(417, "Expect: 100-continue is the only expectation that can be met")
        elif name == b"content-encoding":
            if value.lower() != b"identity":
                self._problem = Problem(415, "the body is compressed: send it as it is")
        elif name == b"x-deadline-ms":
            self._take_deadline(value)
        elif name == b"inference-header-content-length":
            if value.isdigit() and len(value) <= self._digits:
                self._described = int(value)
            else:
                self._problem = Problem(400, "Inference-Header-Content-Length: expected the bytes of JSON in the body")

    def _take_deadline(self, value: bytes) -> None:
        try:
            milliseconds = float(value)
        except ValueError:
            milliseconds = math.nan
        if 0 < milliseconds < math.inf:
            self._deadline = milliseconds / 1000
        else:
            shown = value[:40].decode("latin-1")
            self._problem = Problem(400, f"X-Deadline-Ms is {shown!r}: expected milliseconds above 0")

    def _too_large(self) -> None:
        limit = self._owner.limits.body
        self._problem = Problem(413, f"the body is longer than {limit} bytes: send fewer rows a request")
        self._body = b""

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Some clients offer HTTP/2 in their first request; the request itself was read, the offer is passed over."""
        if self._more:
            self._parser = httptools.HttpRequestParser(self)
            if rest:
                self.data_received(rest)

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem after all that is owed, and read no more."""
        self._more = False
        self._refused = True
        self._begun = False
        self._awaited += 1
        self._since = self._owner.now
        self._owner.take(Exchange(self, Head(b"", self._target, close=True), b"", problem))

    def _end(self) -> None:
        self._more = False
        if self._refused and self._transport.can_write_eof():
            self._transport.write_eof()  # the sweep ends the rest
        else:
            self._transport.close()


_CONTENT_LENGTH = len("content-length")
_WATCHED = frozenset(
    map(len, ("content-length", "expect", "content-encoding", "x-deadline-ms", "inference-header-content-length"))
)  # lengths of names, the cheapest to look at
