"""Telling others of every request, once it is answered. A server that nobody watches does without all of this."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from shipworthy import clock
from shipworthy.serving.connection import Connection
from shipworthy.serving.exchange import Exchange, Head, KnownHeads
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.responses import Reply

TRACEPARENT = b"traceparent"


class Seen(msgspec.Struct, frozen=True):
    """A request that was answered."""

    began: int  # ns since 1970, UTC: when it was read
    seconds: float  # until its answer was handed to the kernel
    method: str
    path: str  # and query
    received: int  # bytes of the body
    status: int
    sent: int  # bytes of the answer's body
    model: str  # "" where it was for none
    release: int
    trace: str  # the caller's traceparent; "" where it has none


class Watcher(Protocol):
    """Is told."""

    def tell(self, seen: Seen) -> None:
        """A request was answered."""
        ...

    def flush(self) -> None:
        """Some were, and about once a second."""
        ...

    def close(self) -> None:
        """No more will be."""
        ...


class Watched(Protocol):
    """Whatever answers."""

    @property
    def dated(self) -> bool:
        """Whether any request of the last tick had a deadline."""
        ...

    @property
    def metrics(self) -> Metrics:
        """Its figures."""
        ...

    def answer(self, exchanges: Sequence[Exchange], began: float, waited: float = 0.0) -> None:
        """Answer them."""
        ...


class Observing:
    """Stands before what answers. `named` says which model and release a target is for."""

    def __init__(self, front: Watched, named: Callable[[bytes], tuple[str, int]], watchers: Sequence[Watcher]) -> None:
        self._front, self._named, self._watchers = front, named, watchers

    @property
    def dated(self) -> bool:
        """Whether any request of the last tick had a deadline."""
        return self._front.dated

    @property
    def metrics(self) -> Metrics:
        """The figures of what answers."""
        return self._front.metrics

    def answer(self, exchanges: Sequence[Exchange], began: float, waited: float = 0.0) -> None:
        """Have them answered, and tell it."""
        at = clock.now() - int(1e9 * (time.perf_counter() - began))
        noted = [
            msgspec.structs.replace(exchange, sender=_Noted(self, exchange, at, began, _trace(exchange)))
            for exchange in exchanges
        ]
        self._front.answer(noted, began, waited)
        self.flush()

    def tell(self, seen: Seen) -> None:
        """Pass it on."""
        for watcher in self._watchers:
            watcher.tell(seen)

    def named(self, target: bytes) -> tuple[str, int]:
        """Which model and release a target is for."""
        return self._named(target)

    def flush(self) -> None:
        """See to it that what was told is written."""
        for watcher in self._watchers:
            watcher.flush()

    def close(self) -> None:
        """The end."""
        for watcher in self._watchers:
            watcher.close()


class _Noted:
    """Stands for a connection, for one of its requests; equal to all that stand for the same one."""

    __slots__ = ("_at", "_began", "_head", "_observing", "_received", "_sender", "_trace")

    def __init__(self, observing: Observing, exchange: Exchange, at: int, began: float, trace: str) -> None:
        self._observing, self._sender, self._head = observing, exchange.sender, exchange.head
        self._received, self._at, self._began, self._trace = len(exchange.body), at, began, trace

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Noted) and other._sender is self._sender

    def __hash__(self) -> int:
        return hash(self._sender)

    def reply(self, reply: Reply, *, close: bool, bodyless: bool) -> None:
        """Pass the answer on."""
        self._sender.reply(reply, close=close, bodyless=bodyless)
        head: Head = self._head
        model, release = self._observing.named(head.target)
        self._observing.tell(
            Seen(
                self._at,
                time.perf_counter() - self._began,
                head.method.decode("latin-1"),
                head.target.decode("latin-1"),
                self._received,
                reply.status,
                0 if bodyless else len(reply.body),
                model,
                release,
                self._trace,
            )
        )


class TracedConnection(Connection):
    """A connection that keeps its requests' `traceparent`, in their order."""

    __slots__ = ("_trace", "traces")

    def __init__(self, owner: Any) -> None:
        self.traces: deque[str] = deque()
        self._trace = ""
        super().__init__(owner)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._trace = ""
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header: this one is of concern."""
        if len(name) == len(TRACEPARENT) and name.lower() == TRACEPARENT:
            self._trace = value.decode("latin-1")[:256]
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self.traces.append(self._trace)
        super().on_message_complete()


class NoHeads(KnownHeads):
    """Heads that are never known again: each is parsed, for the `traceparent` in it."""

    def learn(self, data: bytes, head: Head, body: bytes | bytearray) -> None:
        """Keep nothing."""


def _trace(exchange: Exchange) -> str:
    traces: deque[str] | None = getattr(exchange.sender, "traces", None)
    return traces.popleft() if traces and exchange.problem is None else ""
