"""One source's log on its way into Delta and the windows, for whoever holds its lease."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shipworthy import clock
from shipworthy.counts.reference import Reference
from shipworthy.errors import InUse, NotFound, Tampered
from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame
from shipworthy.predictions.reader import Record, Segment
from shipworthy.recording import batches
from shipworthy.recording.batches import Batch
from shipworthy.recording.counting import add_counts, counts_of, read_newest
from shipworthy.recording.table import PredictionTable, rows_of
from shipworthy.recording.times import times_of
from shipworthy.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Rules:
    """When a batch is due, and how windows are cut. Durations in ns."""

    model: str
    commit_every: int
    commit_bytes: int
    window: int  # for releases without a reference
    lateness: int


class Source:
    """Records one source. Made anew whenever its lease is: what it knows of the ledger holds under that lease only."""

    def __init__(
        self,
        name: str,
        rules: Rules,
        ledger: Ledger,
        table: PredictionTable,
        reference_of: Callable[[int], Reference | None],
    ) -> None:
        self._name, self._rules, self._ledger, self._table = name, rules, ledger, table
        self._reference_of = reference_of
        self._batch = batches.newest(ledger, rules.model, name)
        self.newest: int | None = None  # event time of what was recorded so far, ns
        self._waiting: tuple[int, int, int] | None = None  # segment, start, and arrival of what is not recorded yet

    def due(self, segments: Sequence[Segment], *, everything: bool = False) -> bool:
        """Whether much, something old, or a finished segment waits; with `everything`, whether anything does."""
        if self._batch is not None and not self._batch.done:
            return True
        return any(self._segment_due(segment, everything=everything) for segment in segments)

    def record(self, cuts: Sequence[tuple[Segment, int]], still_mine: Callable[[], bool]) -> None:
        """Record each segment up to its cut (bytes), in batches, and remove those that are finished and recorded.

        `still_mine` is asked right before Delta is written: InUse where it says no.
        """
        if self._batch is not None and not self._batch.done:
            segment = _segment_of(self._batch, [segment for segment, _ in cuts])
            self._carry_out(self._batch, segment, self._planned(segment, self._batch), still_mine)
        for segment, cut in cuts:
            start = self._start(segment)
            while start is not None and start < cut and (records := self._take(segment, start)):
                self._carry_out(self._plan(segment, start, records), segment, records, still_mine)
                start = records[-1].end
            if segment.finished:  # to its end, or to a torn tail: that was never answered
                reader.remove(segment)

    def _segment_due(self, segment: Segment, *, everything: bool) -> bool:
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
        """When the first record that is not recorded yet arrived; None where none is whole."""
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
        batch = Batch(self._name, number, segment.number, start, records[-1].end, rows)
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
        rules, whole = self._rules, frame(header, records)
        times, reference = times_of(whole), self._reference_of(header.release)
        if whole.rows:
            rows = rows_of(whole, times, reference.window if reference is not None else rules.window)
            if not still_mine():
                raise InUse(f"the lease of {self._name} ran out before batch {batch.number} was written")
            self._table.append(rows, self._name, batch.number)
        with self._ledger.transaction() as connection:
            batches.finish(connection, rules.model, batch)
            if reference is not None:
                newest = read_newest(connection, rules.model)
                counts = counts_of(whole, times, records[-1].arrived, reference, newest, rules.lateness)
                add_counts(connection, rules.model, header.release, self._name, counts)
        self._batch = replace(batch, done=True)
        self.newest = max((time for time in (self.newest, times.newest) if time is not None), default=None)


def _segment_of(batch: Batch, segments: Sequence[Segment]) -> Segment:
    for segment in segments:
        if segment.number == batch.segment:
            return segment
    raise NotFound(
        f"segment {batch.segment} of {batch.source} is gone, though its bytes {batch.start} to {batch.end} are not "
        "recorded yet: put the file back, or those predictions are lost"
    )
