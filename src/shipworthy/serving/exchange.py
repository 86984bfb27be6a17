"""A request as a connection read it, and the heads that were read before."""

from __future__ import annotations

import math
from typing import Any, Protocol

import msgspec

from shipworthy.serving.problems import Problem
from shipworthy.serving.responses import Reply

KNOWN = 1024  # heads that are kept
LONGEST = 1024  # bytes of a head that is kept


class Answerable(Protocol):
    """Whoever sent a request."""

    def reply(self, reply: Reply, *, close: bool, bodyless: bool) -> None:
        """Take the answer; a connection gets its answers in the order of its requests."""
        ...


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a request's head says."""

    method: bytes
    target: bytes  # path and query
    close: bool = False  # the connection ends with the answer
    deadline: float | None = None  # seconds that the caller waits for the answer
    described: int | None = None  # bytes of the body that are JSON; tensors' bytes follow
    plain: bool = False  # a POST that says nothing of all this: what almost every request for predictions is


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A request as it was read."""

    sender: Any  # Answerable
    head: Head
    body: bytes | bytearray
    problem: Problem | None = None  # the request could not be read
    sent: float = math.inf  # when its first bytes were sent, at the earliest, if it came in several pieces


class KnownHeads:
    """Heads by their bytes. A caller sends the same head again and again, and so do its like.

    Parsing is a function of the bytes: where a whole request begins with the bytes of a head that was parsed before, at
    a place where a request may begin, and as many bytes follow as it announced, there is nothing left to parse.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, tuple[Head, int]] = {}
        self.get = self._heads.get  # head's bytes up to the blank line -> what it says, length of the body

    def learn(self, data: bytes, head: Head, body: bytes | bytearray) -> None:
        """A request was parsed out of `data`, and perhaps more."""
        end = data.find(b"\r\n\r\n") + 4
        if end > LONGEST or data[end:] != body:
            return
        if len(self._heads) >= KNOWN:
            self._heads.clear()
        self._heads[data[:end]] = head, len(body)
