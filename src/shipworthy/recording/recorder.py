"""The recorder: every logged prediction into Delta and into its window, each exactly once, whoever is killed when.

One recorder a folder of logs, by lease; `following` says how. When all that was in the logs at the start of a round is
recorded, progress says how far event time has come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.counts.reference import Reference
from shipworthy.errors import InUse, NotFound
from shipworthy.predictions import reader
from shipworthy.predictions.format import Header
from shipworthy.predictions.frames import frame
from shipworthy.predictions.reader import Record, Segment
from shipworthy.recording import batches
from shipworthy.recording.batches import Batch
from shipworthy.recording.counting import add_counts, counted_until, counts_of, publish, read_newest
from shipworthy.recording.following import LEASE, Follower, Lag
from shipworthy.recording.label_keeping import keep_labels
from shipworthy.recording.retention import retain
from shipworthy.recording.source import Rules
from shipworthy.recording.table import PredictionTable, rows_of
from shipworthy.recording.times import times_of
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger

SMALL_FILES = 50  # so many are joined
RETAIN_EVERY = clock.HOUR
_PAUSE = 0.2  # seconds between looks at the logs

__all__ = ["LEASE", "Lag", "Recorder", "key"]


def key(source: str) -> str:
    """What the recorder's batches of a source are called."""
    return source


def rules_of(contract: Contract) -> Rules:
    """When batches of a contract's model are due."""
    recording, monitoring = contract.recording, contract.monitoring
    return Rules(contract.name, recording.commit_every, recording.commit_bytes, monitoring.window, monitoring.lateness)


def _promised(contract: Contract) -> int | None:
    """How long a request may take (ns), where the contract bounds how many may take longer."""
    bounded = contract.monitoring.slow is not None
    return round(contract.serving.p99_ms * clock.SECOND / 1000) if bounded else None


class Recorder:
    """Records one model's logs.

    `reference_of` gives a release's reference; None where it has none, then its rows are recorded and not counted.
    `held` says which recorded segments somebody else has still to read; they are removed when nobody has.
    """

    def __init__(
        self,
        layout: Layout,
        model: str,
        ledger: Ledger,
        contract: Contract,
        reference_of: Callable[[int], Reference | None],
        *,
        lease: int = LEASE,
        held: Callable[[Segment], bool] = lambda _: False,
    ) -> None:
        rules = rules_of(contract)
        table = PredictionTable(layout.predictions(model))
        self._recording = _Recording(rules, ledger, contract, layout.logs(model), table, reference_of, held)
        self._follower = Follower(layout.logs(model), ledger, "record", rules, self._recording, lease=lease)

    @property
    def faults(self) -> dict[str, str]:
        """Sources that cannot be recorded, and why; the others go on."""
        return self._follower.faults

    @property
    def rows(self) -> int:
        """Predictions that this recorder has recorded."""
        return self._recording.rows

    def step(self, *, everything: bool = False) -> bool:
        """One round of what is due; True where there was anything to do, False where another recorder is at it."""
        return self._follower.step(everything=everything)

    def run(self, stop: Event) -> None:
        """Record until `stop` is set, then everything that is there, and give the lease back."""
        while not stop.is_set():
            if not self.step():
                stop.wait(_PAUSE)
        self.flush()
        self.close()

    def flush(self) -> None:
        """Record everything that is there."""
        self._follower.flush()

    def close(self) -> None:
        """Give the lease back, so that another recorder need not wait until it runs out."""
        self._follower.close()

    def lag(self) -> Lag:
        """How far recording is behind, for all sources, whoever records them."""
        return self._follower.lag()


class _Recording:
    """The task: rows into Delta, counts into windows."""

    def __init__(
        self,
        rules: Rules,
        ledger: Ledger,
        contract: Contract,
        logs: Path,
        table: PredictionTable,
        reference_of: Callable[[int], Reference | None],
        held: Callable[[Segment], bool],
    ) -> None:
        self._rules, self._ledger, self._table, self.held = rules, ledger, table, held
        self._logs = logs
        self._reference_of, self._contract = reference_of, contract
        self._retained = 0  # ns since 1970, UTC
        self.rows = 0  # recorded so far
        self._references: dict[int, Reference | None] = {}

    def key(self, source: str) -> str:
        return key(source)

    def begin(self, source: str, known: int) -> None:
        self._table.require_not_ahead(source, known)

    def carry_out(
        self, batch: Batch, header: Header, records: Sequence[Record], still_mine: Callable[[], bool]
    ) -> int | None:
        rules, whole = self._rules, frame(header, records)
        times, reference = times_of(whole), self._reference(header.release)
        if whole.rows:
            rows = rows_of(whole, times, reference.window if reference is not None else rules.window)
            if not still_mine():
                raise InUse(f"the lease of {batch.source} ran out before batch {batch.number} was written")
            self._table.append(rows, batch.source, batch.number)
            self.rows += whole.rows
        with self._ledger.transaction() as connection:
            batches.finish(connection, rules.model, batch)
            if reference is not None:
                newest = read_newest(connection, rules.model)
                counts = counts_of(
                    whole,
                    times,
                    records[-1].arrived,
                    reference,
                    newest,
                    rules.lateness,
                    promised=_promised(self._contract),
                )
                add_counts(connection, rules.model, header.release, batch.source, counts)
        return times.newest

    def lost(self, batch: Batch) -> Batch:
        raise NotFound(
            f"segment {batch.segment} of {batch.source} is gone, though its bytes {batch.start} to {batch.end} are "
            "not recorded yet: put the file back, or those predictions are lost"
        )

    def end(self, segment: Segment) -> None:
        reader.remove(segment)

    def round(self, number: int, newest: dict[str, int]) -> None:
        """Say how far event time has come, and now and then tidy up."""
        with self._ledger.transaction() as connection:
            known = counted_until(connection, self._rules.model) if number == 1 else {}
            publish(connection, self._rules.model, known | newest)
        if clock.now() - self._retained > RETAIN_EVERY:
            self._retained = clock.now()
            retain(self._table, "predictions", self._ledger, self._contract)
            keep_labels(self._logs, self._table, self._ledger, self._rules.model)
        self._table.compact(at_least=SMALL_FILES)

    def _reference(self, release: int) -> Reference | None:
        if release not in self._references:
            self._references[release] = self._reference_of(release)
        return self._references[release]
