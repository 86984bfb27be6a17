"""The log of a service's process: a thread of its own reads what went by and writes it, so that no answer waits for it.

Whatever goes wrong here is counted and said, at most once a minute a kind, and never reaches the service.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shipworthy import clock
from shipworthy.dialects.records import Said, Unreadable
from shipworthy.errors import ShipworthyError
from shipworthy.predictions.log import LogWriter, source_name
from shipworthy.recording import service as services
from shipworthy.recording.service import Service
from shipworthy.recording.values import columns_of, values_of

BACKLOG = 10_000  # exchanges that may wait; more are dropped and counted
_LOOK = 1.0  # seconds between looks at whether the service has another number
_SAY = 60.0  # seconds between two warnings of one kind
_TOGETHER = 1000  # times of requests that one record is given
_IDLE = 1.0  # seconds without a request after which times that wait get a record of their own
_log = logging.getLogger("shipworthy.recording")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as bytes."""

    arrived: int  # ns since 1970, UTC
    request: bytes
    answer: bytes
    refused: bool = False  # the service said no: the answer holds no prediction
    id: str | None = None  # the caller's own
    done: Callable[[str, int], None] | None = None  # given the first row's id ("": none) and the rows, in this thread


@dataclass
class Tally:
    """What became of the exchanges of this process."""

    counts: Counter[str] = field(default_factory=Counter)
    _said: dict[str, float] = field(default_factory=dict)

    def count(self, kind: str, why: object = "", by: int = 1) -> None:
        """Count, and say why where it was not said within the last minute."""
        self.counts[kind] += by
        now = time.monotonic()
        if why and now - self._said.get(kind, -_SAY) >= _SAY:
            self._said[kind] = now
            _log.warning("%s, %d by now: %s", kind, self.counts[kind], why)


class ServiceLog:
    """Writes one process's log. `rows` and `said` read the bodies; what they raise is counted as unreadable."""

    def __init__(
        self,
        file: Path,
        rows: Callable[[bytes], Sequence[Mapping[str, Any]]],
        said: Callable[[bytes], Sequence[Said]],
        tally: Tally,
    ) -> None:
        self._file, self._rows, self._said, self.tally = file, rows, said, tally
        self._waiting: queue.SimpleQueue[Exchange | int | None] = queue.SimpleQueue()
        self._took: list[int] = []  # ns each; they are known when an answer has left, and stand in the next record
        self._writer: LogWriter | None = None
        self._service: Service | None = None
        self._looked = 0.0
        self._thread = threading.Thread(target=self._run, name="shipworthy-recording", daemon=True)
        self._thread.start()

    def put(self, exchange: Exchange) -> bool:
        """Have an exchange written; False where too many wait already."""
        if self._waiting.qsize() >= BACKLOG:
            self.tally.count("dropped", "the log cannot keep up")
            return False
        self._waiting.put(exchange)
        return True

    def took(self, nanoseconds: int) -> None:
        """A request has ended, answered or failed, after so long."""
        if self._waiting.qsize() < BACKLOG:
            self._waiting.put(nanoseconds)

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, and say to readers that no more will come."""
        self._waiting.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (item := self._next()) is not None:
            if isinstance(item, Exchange):
                self._take(item)
            else:
                self._took.append(item)
                if len(self._took) >= _TOGETHER:
                    self._write_times()
        self._write_times()
        if self._writer is not None:
            self._writer.close()

    def _next(self) -> Exchange | int | None:
        """What comes next; before a longer silence, times that wait are written."""
        if self._took:
            try:
                return self._waiting.get(timeout=_IDLE)
            except queue.Empty:
                self._write_times()
        return self._waiting.get()

    def _take(self, exchange: Exchange) -> None:
        first, rows = "", 0
        try:
            first, rows = self._write(exchange)
        except Unreadable as error:
            self.tally.count("unreadable", error)
        except (OSError, ShipworthyError) as error:
            self.tally.count("failed", error)
        except Exception as error:  # the user's own functions may raise anything
            self.tally.count("unreadable", f"{type(error).__name__}: {error}")
        finally:
            if exchange.done is not None:
                exchange.done(first, rows)

    def _write_times(self) -> None:
        """A record of times alone; they are given up where it cannot be written, the log has said so for the rows."""
        if not self._took:
            return
        try:
            writer, service = self._opened()
            self._append(writer, service, clock.now())
        except (OSError, ShipworthyError) as error:
            self.tally.count("failed", error)
        self._took.clear()

    def _append(
        self, writer: LogWriter, service: Service, arrived: int, refused: Mapping[int, int] | None = None
    ) -> None:
        """A record without rows."""
        columns, _ = columns_of(service.features, (), [])
        took = self._times()
        writer.append(arrived, 0, columns, values_of([], service.classes), refused=refused, took=took)
        self._took.clear()

    def _times(self) -> bytes:
        return np.array(self._took, "<i8").tobytes()

    def _write(self, exchange: Exchange) -> tuple[str, int]:
        writer, service = self._opened()
        rows = self._rows(exchange.request)
        columns, flags = columns_of(service.features, service.required, rows)
        if exchange.refused:
            return self._write_refusal(writer, service, exchange.arrived, flags)
        values = values_of(self._said(exchange.answer), service.classes)
        if len(values) != len(rows):
            raise Unreadable(f"{len(values)} answers to {len(rows)} rows")
        ids: list[str | None] | None = [exchange.id] if exchange.id and len(rows) == 1 else None
        offset = writer.append(exchange.arrived, len(rows), columns, values, ids, flags, took=self._times())
        self._took.clear()
        self.tally.count("recorded", by=len(rows))
        return f"{writer.prefix}{offset}-0", len(rows)

    def _write_refusal(
        self, writer: LogWriter, service: Service, arrived: int, flags: Sequence[tuple[int, int]]
    ) -> tuple[str, int]:
        """A refusal counts for the features that broke the contract; where none did, for nothing that is known."""
        refused = Counter(index for _, index in flags)
        self.tally.count("refused")
        if refused:
            self._append(writer, service, arrived, refused)
        return "", 0

    def _opened(self) -> tuple[LogWriter, Service]:
        """The writer, in a segment of the service as it is now."""
        now = time.monotonic()
        if self._service is None or self._writer is None or now - self._looked >= _LOOK:
            self._looked = now
            found = services.read(self._file)
            if self._writer is None:
                logs = self._file.parent / "log"
                self._writer = LogWriter(logs, source_name(f"service-{os.getpid()}"))
            if found != self._service:
                self._writer.open(found.model, found.number, found.features, found.classes, found.event_time)
                self._service = found
        return self._writer, self._service
