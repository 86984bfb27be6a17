"""A line of JSON for each request that was answered."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.serving.observing import Seen

REMIND = 60.0  # seconds between warnings that lines are lost

_logger = logging.getLogger(__name__)


class AccessLog:
    """Appends to a file that other workers append to as well: the lines of a tick in one write.

    A file that was moved away is made anew. Where it cannot be written, lines are lost and requests are answered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._looked = 0.0
        self._warned = -REMIND
        self._file = -1
        self._open()

    def tell(self, seen: Seen) -> None:
        """A request was answered."""
        line = {
            "time": clock.to_iso(seen.began),
            "method": seen.method,
            "path": seen.path,
            "status": seen.status,
            "ms": round(1000 * seen.seconds, 3),
            "received": seen.received,
            "sent": seen.sent,
        }
        if seen.model:
            line |= {"model": seen.model, "release": seen.release}
        if seen.trace:
            line["traceparent"] = seen.trace
        self._lines.append(self._encode(line) + b"\n")

    def flush(self) -> None:
        """Write what was told."""
        now = time.monotonic()
        if now - self._looked > 1.0:
            self._looked = now
            self._look()
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            os.write(self._file, b"".join(lines))
        except OSError as error:
            if now - self._warned >= REMIND:
                self._warned = now
                _logger.warning("the access log %s cannot be written, its lines are lost: %s", self._path, error)

    def close(self) -> None:
        """No more lines."""
        self.flush()
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def _look(self) -> None:
        """Whether the file is still the one that its name stands for."""
        try:
            there = self._path.stat()
            own = os.fstat(self._file)
            moved = (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino)
        except FileNotFoundError:
            moved = True
        if moved:
            old = self._file
            try:
                self._open()
            except OSError as error:
                _logger.warning("the access log %s cannot be made anew: %s", self._path, error)
                return
            os.close(old)
