"""The bytes of HTTP answers."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

import msgspec

JSON = b"application/json"
BINARY = b"application/octet-stream"
TEXT = b"text/plain; charset=utf-8"
PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer before it is bytes."""

    status: int
    body: bytes
    kind: bytes = JSON
    extra: bytes = b""  # further header lines, each ended


class Heads:
    """Heads of answers. The date in them is made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._date = b""
        self._ok = b""

    def now(self, nanoseconds: int) -> None:
        """Tell the time, once a tick."""
        second = nanoseconds // 1_000_000_000
        if second != self._second:
            self._second = second
            self._date = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
            self._ok = _LINES[200] + b"content-type: application/json\r\n" + self._date + b"content-length: "

    def message(self, reply: Reply, *, close: bool = False, bodyless: bool = False) -> bytes:
        """The whole answer; `bodyless` for HEAD."""
        body = reply.body
        if reply.status == 200 and reply.kind is JSON and not close and not bodyless and not reply.extra:
            return b"%b%d\r\n\r\n%b" % (self._ok, len(body), body)
        return b"%bcontent-type: %b\r\n%b%b%bcontent-length: %d\r\n\r\n%b" % (
            _LINES[reply.status],
            reply.kind,
            self._date,
            reply.extra,
            b"connection: close\r\n" if close else b"",
            len(body),
            b"" if bodyless else body,
        )
