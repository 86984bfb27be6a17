"""The recorder: every logged prediction into Delta and into its window, each exactly once, whoever is killed when.

One recorder a folder of logs, by lease; a second one waits. For each source in it:
1. the ledger plans batch n: a stretch of a segment;
2. its rows are appended to Delta with n as the source's transaction, unless n is already there;
3. one SQL transaction adds the counts and marks n as done.
Killed before 2, the next recorder does 2 and 3; killed before 3, it finds n in Delta and does 3. Nothing is done twice.
When all that was in the logs at the start of a round is recorded, progress says how far event time has come.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from threading import Event

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.counts.reference import Reference
from shipworthy.errors import InUse, ShipworthyError
from shipworthy.predictions import reader
from shipworthy.predictions.reader import Segment
from shipworthy.recording import batches
from shipworthy.recording.counting import counted_until, publish
from shipworthy.recording.source import Rules, Source
from shipworthy.recording.table import PredictionTable
from shipworthy.store.layout import Layout
from shipworthy.store.leases import Leases
from shipworthy.store.ledger import Ledger

LEASE = 10 * clock.SECOND  # after so long another recorder goes on where a killed one stopped
COMPACT_EVERY = 50  # rounds
_PAUSE = 0.2  # seconds between looks at the logs
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """What is answered and not recorded yet."""

    bytes: int
    seconds: float  # since the oldest of it arrived
    sources: int  # that have some


class Recorder:
    """Records one model's logs.

    `reference_of` gives a release's reference; None where it has none, then its rows are recorded and not counted.
    A source that cannot be recorded stands in `faults` with the reason, and the others go on.
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
    ) -> None:
        self._logs, self._model, self._ledger = layout.logs(model), model, ledger
        recording, monitoring = contract.recording, contract.monitoring
        self._rules = Rules(
            model, recording.commit_every, recording.commit_bytes, monitoring.window, monitoring.lateness
        )
        self._reference_of = reference_of
        self._references: dict[int, Reference | None] = {}
        self._table = PredictionTable(layout.predictions(model))
        self._leases, self._lease = Leases(ledger), lease
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._until = 0  # ns since 1970, UTC; the lease is held so long
        self._sources: dict[str, Source] = {}
        self._rounds = 0
        self.faults: dict[str, str] = {}

    def step(self, *, everything: bool = False) -> bool:
        """One round: where anything is due (enough bytes, old enough, finished), all that is there is recorded.

        With `everything`, and in the first round, all that is there counts as due. True where there was anything to
        do; False where another recorder holds the lease.
        """
        if not self._logs.is_dir() or not self._hold():
            return False
        first = not self._rounds
        names = [name for name, segments in self._listed() if self._due(name, segments, everything=everything or first)]
        if names:
            # All sources are cut at one instant, as closely as can be: what came after it is for the next round.
            cuts = {name: [(segment, _size(segment)) for segment in segments] for name, segments in self._listed()}
            for name, stretches in cuts.items():
                self._record(name, stretches)
        if names or first:
            self._finish_round()
        return bool(names)

    def run(self, stop: Event) -> None:
        """Record until `stop` is set, then everything that is there, and give the lease back."""
        while not stop.is_set():
            if not self.step():
                stop.wait(_PAUSE)
        self.flush()
        self.close()

    def flush(self) -> None:
        """Record everything that is there."""
        while self.step(everything=True):
            pass

    def close(self) -> None:
        """Give the lease back, so that another recorder need not wait until it runs out."""
        if self._until:
            self._leases.release(self._lease_name, self._holder)
            self._let_go()

    def lag(self) -> Lag:
        """How far recording is behind, for all sources, whoever records them."""
        missing, arrivals = 0, list[int]()
        for source, segments in self._listed():
            newest = batches.newest(self._ledger, self._model, source)
            left = [unrecorded(segment, newest) for segment in segments]
            missing += sum(length for length, _ in left)
            arrivals += [arrival for _, arrival in left if arrival is not None][:1]
        behind = (clock.now() - min(arrivals)) / clock.SECOND if arrivals else 0.0
        return Lag(missing, max(0.0, behind), len(arrivals))

    def _listed(self) -> Iterator[tuple[str, list[Segment]]]:
        for name, segments in groupby(reader.segments(self._logs), key=lambda segment: segment.source):
            yield name, list(segments)

    def _due(self, name: str, segments: Sequence[Segment], *, everything: bool) -> bool:
        due = False
        if name not in self.faults and self._until:
            with self._going_on_without(name):
                due = self._source(name).due(segments, everything=everything)
        return due

    def _record(self, name: str, cuts: Sequence[tuple[Segment, int]]) -> None:
        if name not in self.faults and self._until:
            with self._going_on_without(name):
                self._source(name).record(cuts, self._hold)

    @contextmanager
    def _going_on_without(self, name: str) -> Iterator[None]:
        """Where something cannot be done for a source, the others go on; where the lease is lost, nothing does."""
        try:
            yield
        except (InUse, FileNotFoundError) as error:  # the lease ran out, and another recorder has gone on
            _log.warning("recording of %s was taken over: %s", self._model, error)
            self._let_go()
        except ShipworthyError as error:
            _log.error("source %s of %s is not recorded any more: %s", name, self._model, error)
            self.faults[name] = str(error)

    def _finish_round(self) -> None:
        """Say how far event time has come, and now and then tidy up."""
        if not self._until:
            return
        self._rounds += 1
        with self._ledger.transaction() as connection:
            newest = counted_until(connection, self._model) if self._rounds == 1 else {}
            newest |= {name: source.newest for name, source in self._sources.items() if source.newest is not None}
            publish(connection, self._model, newest)
        left = {name for name, _ in self._listed()}
        self._sources = {name: source for name, source in self._sources.items() if name in left}
        if self._rounds % COMPACT_EVERY == 0:
            self._table.compact()

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            self._sources[name] = Source(name, self._rules, self._ledger, self._table, self._reference)
        return self._sources[name]

    def _hold(self) -> bool:
        """Hold the lease for at least half of its time to come."""
        now = clock.now()
        if self._until - now > self._lease // 2:
            return True
        held = self._until > now and self._leases.renew(self._lease_name, self._holder, self._lease)
        if not held:
            self._let_go()  # what is known of the ledger was true under the old lease
            held = self._leases.acquire(self._lease_name, self._holder, self._lease)
        self._until = now + self._lease if held else 0
        return held

    def _let_go(self) -> None:
        self._until, self._rounds, self._sources = 0, 0, {}

    @cached_property
    def _lease_name(self) -> str:
        return f"record:{self._model}:{_identity(self._logs)}"

    def _reference(self, release: int) -> Reference | None:
        if release not in self._references:
            self._references[release] = self._reference_of(release)
        return self._references[release]


def _identity(logs: Path) -> str:
    """The name of a folder of logs, the same for every machine that sees it; the first who asks gives it one."""
    path = logs / "identity"
    if not path.exists():
        own = logs / f".identity-{secrets.token_hex(8)}"
        own.write_text(secrets.token_hex(8))
        with suppress(FileExistsError):
            path.hardlink_to(own)
        own.unlink()
    return path.read_text()


def _size(segment: Segment) -> int:
    try:
        return segment.path.stat().st_size
    except FileNotFoundError:  # another recorder has recorded and removed it this instant
        return 0


def unrecorded(segment: Segment, newest: batches.Batch | None) -> tuple[int, int | None]:
    """Bytes of a segment's records that are not recorded yet, and when the first of them arrived."""
    if newest is not None and segment.number < newest.segment:
        return 0, None
    start = 0
    if newest is not None and segment.number == newest.segment:
        start = newest.end if newest.done else newest.start
    try:
        first = next(reader.read(segment.path, start), None)
        return (segment.path.stat().st_size - first.start, first.arrived) if first is not None else (0, None)
    except FileNotFoundError:  # recorded and removed this instant
        return 0, None
