"""One source's log, read in planned batches by whoever holds the lease of the task that reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from shipworthy import clock
from shipworthy.errors import Tampered
from shipworthy.predictions import reader
from shipworthy.predictions.format import Header
from shipworthy.predictions.reader import Record, Segment
from shipworthy.recording import batches
from shipworthy.recording.batches import Batch
from shipworthy.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Rules:
    """When a batch is due, and how windows are cut. Durations in ns."""

    model: str
    commit_every: int
    commit_bytes: int
    window: int  # for releases without a reference
    lateness: int


class Task(Protocol):
    """What is done with the records of a model's logs, each exactly once."""

    def key(self, source: str) -> str:
        """What the plan of a source's batches is called in the ledger."""
        ...

    def begin(self, source: str, known: int) -> None:
        """Before anything of a source is planned: `known` is its newest batch's number. Raises where that cannot be."""
        ...

    def carry_out(
        self, batch: Batch, header: Header, records: Sequence[Record], still_mine: Callable[[], bool]
    ) -> int | None:
        """Do it, and mark the batch as done with whatever is counted; the newest usable event time (ns) of it.

        `still_mine` is asked right before anything is written for good: InUse where it says no.
        """
        ...

    def lost(self, batch: Batch) -> Batch:
        """A planned batch's segment is gone: the batch as done, or an error that says what to do."""
        ...

    def held(self, segment: Segment) -> bool:
        """Whether a finished segment that was read to its end stays where it is."""
        ...

    def end(self, segment: Segment) -> None:
        """A finished segment was read to its end, and is not held."""
        ...

    def round(self, number: int, newest: dict[str, int]) -> None:
        """All that was in the logs at the start of a round is done; `newest` is by source, what is known of it."""
        ...


class Source:
    """Reads one source. Made anew whenever its lease is: what it knows of the ledger holds under that lease only."""

    def __init__(self, name: str, rules: Rules, ledger: Ledger, task: Task) -> None:
        self._key, self._rules, self._ledger, self._task = task.key(name), rules, ledger, task
        self._batch = batches.newest(ledger, rules.model, self._key)
        task.begin(self._key, 0 if self._batch is None else self._batch.number)
        self.newest: int | None = None  # event time of what was read so far, ns
        self._waiting: tuple[int, int, int] | None = None  # segment, start, and arrival of what is not read yet
        self._ended: set[int] = set()  # finished segments that were read to their end, and are held

    def due(self, segments: Sequence[Segment], *, everything: bool = False) -> bool:
        """Whether much, something old, or a finished segment waits; with `everything`, whether anything does."""
        if self._batch is not None and not self._batch.done:
            return True
        return any(self._segment_due(segment, everything=everything) for segment in segments)

    def record(self, cuts: Sequence[tuple[Segment, int]], still_mine: Callable[[], bool]) -> None:
        """Read each segment up to its cut (bytes), in batches, and end those that are finished."""
        if self._batch is not None and not self._batch.done:
            self._go_on(self._batch, [segment for segment, _ in cuts], still_mine)
        for segment, cut in cuts:
            start = self._start(segment)
            while start is not None and start < cut and (records := self._take(segment, start)):
                self._carry_out(self._plan(segment, start, records), segment, records, still_mine)
                start = records[-1].end
            if segment.finished:  # to its end, or to a torn tail: that was never answered
                self._end(segment)

    def _go_on(self, batch: Batch, segments: Sequence[Segment], still_mine: Callable[[], bool]) -> None:
        """A batch that was planned and not done, whoever planned it."""
        segment = next((segment for segment in segments if segment.number == batch.segment), None)
        if segment is None:
            self._batch = self._task.lost(batch)
        else:
            self._carry_out(batch, segment, self._planned(segment, batch), still_mine)

    def _end(self, segment: Segment) -> None:
        if self._task.held(segment):
            self._ended.add(segment.number)
        else:
            self._ended.discard(segment.number)
            self._task.end(segment)

    def _segment_due(self, segment: Segment, *, everything: bool) -> bool:
        if segment.number in self._ended:
            return not self._task.held(segment)
        start = self._start(segment)
        if segment.finished or start is None:
            return True
        pending = segment.path.stat().st_size - start
        if pending <= 0:
            return False
        arrived = self._arrival(segment, start)
        if arrived is None:
            return False
        enough = pending >= self._rules.commit_bytes
        return everything or enough or arrived + self._rules.commit_every <= clock.now()

    def _start(self, segment: Segment) -> int | None:
        """Where the next batch of a segment begins; None where a later segment has been begun."""
        batch = self._batch
        if batch is None or segment.number > batch.segment:
            return 0
        return batch.end if segment.number == batch.segment else None

    def _arrival(self, segment: Segment, start: int) -> int | None:
        """When the first record that is not read yet arrived; None where none is whole."""
        if self._waiting is None or self._waiting[:2] != (segment.number, start):
            first = next(reader.read(segment.path, start), None)
            self._waiting = (segment.number, start, first.arrived) if first is not None else None
        return self._waiting[2] if self._waiting is not None else None

    def _take(self, segment: Segment, start: int) -> list[Record]:
        """Records from `start`, as many as a commit may hold; those before a damaged one are still taken."""
        records: list[Record] = []
        try:
            for record in reader.read(segment.path, start):
                records.append(record)
                if record.end - records[0].start >= self._rules.commit_bytes:
                    break
        except Tampered:
            if not records:
                raise
        return records

    def _plan(self, segment: Segment, start: int, records: Sequence[Record]) -> Batch:
        number = self._batch.number + 1 if self._batch is not None else 1
        rows = sum(record.rows for record in records)
        batch = Batch(self._key, number, segment.number, start, records[-1].end, rows)
        batches.plan(self._ledger, self._rules.model, batch)
        self._batch = batch
        return batch

    def _planned(self, segment: Segment, batch: Batch) -> list[Record]:
        """The records of a batch that was planned before and not finished."""
        found = []
        for record in reader.read(segment.path, batch.start):
            found.append(record)
            if record.end >= batch.end:
                break
        return found

    def _carry_out(
        self, batch: Batch, segment: Segment, records: Sequence[Record], still_mine: Callable[[], bool]
    ) -> None:
        header = reader.header(segment.path)
        if header is None or not records or records[-1].end != batch.end:
            raise Tampered(f"{segment.path} is shorter than it was when batch {batch.number} of it was planned")
        newest = self._task.carry_out(batch, header, records, still_mine)
        self._batch = replace(batch, done=True)
        self.newest = max((time for time in (self.newest, newest) if time is not None), default=None)
