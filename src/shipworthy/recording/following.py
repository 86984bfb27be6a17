"""Following a model's logs: whoever holds the lease of a task does it, for every source, round after round.

For each source in the folder of logs:
1. the ledger plans batch n: a stretch of a segment;
2. the task appends what it makes of its rows to Delta, with n as the source's transaction, unless n is already there;
3. one SQL transaction adds the counts and marks n as done.
Killed before 2, the next one does 2 and 3; killed before 3, it finds n in Delta and does 3. Nothing is done twice.
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

from shipworthy import clock
from shipworthy.errors import InUse, ShipworthyError
from shipworthy.predictions import reader
from shipworthy.predictions.reader import Segment
from shipworthy.recording import batches
from shipworthy.recording.source import Rules, Source, Task
from shipworthy.store.leases import Leases
from shipworthy.store.ledger import Ledger

SKIMMED = 16 * 2**20  # bytes
LEASE = 10 * clock.SECOND  # after so long another process goes on where a killed one stopped
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """What is answered and not read yet."""

    bytes: int
    seconds: float  # since the oldest of it arrived
    sources: int  # that have some
    rows: int = 0  # counted in the first SKIMMED bytes of a segment, and beyond in proportion


class Follower:
    """Follows one folder of logs for one task; a second one of the same name waits for the lease.

    A source that cannot be read stands in `faults` with the reason, and the others go on.
    """

    def __init__(self, logs: Path, ledger: Ledger, name: str, rules: Rules, task: Task, *, lease: int = LEASE) -> None:
        """name: what the lease is called, before the model's and the folder's."""
        self._logs, self._ledger, self._name, self._rules, self._task = logs, ledger, name, rules, task
        self._leases, self._lease = Leases(ledger), lease
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._until = 0  # ns since 1970, UTC; the lease is held so long
        self._sources: dict[str, Source] = {}
        self._rounds = 0
        self.faults: dict[str, str] = {}

    def step(self, *, everything: bool = False) -> bool:
        """One round: where anything is due (enough bytes, old enough, finished), all that is there is done.

        With `everything`, and in the first round, all that is there counts as due. True where there was anything to
        do; False where somebody else holds the lease.
        """
        if not self._logs.is_dir() or not self._hold():
            return False
        first = not self._rounds
        names = [name for name, segments in listed(self._logs) if self._due(name, segments, everything or first)]
        if names:
            # All sources are cut at one instant, as closely as can be: what came after it is for the next round.
            cuts = {name: [(segment, _size(segment)) for segment in found] for name, found in listed(self._logs)}
            for name, stretches in cuts.items():
                self._record(name, stretches)
        if names or first:
            self._finish_round()
        return bool(names)

    def flush(self) -> None:
        """Do everything that is there."""
        while self.step(everything=True):
            pass

    def close(self) -> None:
        """Give the lease back, so that another process need not wait until it runs out."""
        if self._until:
            self._leases.release(self._lease_name, self._holder)
            self._let_go()

    @property
    def holds(self) -> bool:
        """Whether the lease is this one's, as far as it knows."""
        return self._until > clock.now()

    def lag(self) -> Lag:
        """How far behind, for all sources, whoever follows them."""
        return lag(self._logs, self._ledger, self._rules.model, self._task.key)

    def _due(self, name: str, segments: Sequence[Segment], everything: bool) -> bool:
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
        except (InUse, FileNotFoundError) as error:  # the lease ran out, and another process has gone on
            _log.warning("%s of %s was taken over: %s", self._name, self._rules.model, error)
            self._let_go()
        except ShipworthyError as error:
            _log.error("%s of %s: source %s is not read any more: %s", self._name, self._rules.model, name, error)
            self.faults[name] = str(error)

    def _finish_round(self) -> None:
        if not self._until:
            return
        self._rounds += 1
        newest = {name: source.newest for name, source in self._sources.items() if source.newest is not None}
        self._task.round(self._rounds, newest)
        left = {name for name, _ in listed(self._logs)}
        self._sources = {name: source for name, source in self._sources.items() if name in left}

    def _source(self, name: str) -> Source:
        if name not in self._sources:
            self._sources[name] = Source(name, self._rules, self._ledger, self._task)
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
        return f"{self._name}:{self._rules.model}:{_identity(self._logs)}"


def listed(logs: Path) -> Iterator[tuple[str, list[Segment]]]:
    """Sources and their segments."""
    for name, segments in groupby(reader.segments(logs), key=lambda segment: segment.source):
        yield name, list(segments)


def lag(logs: Path, ledger: Ledger, model: str, key: Callable[[str], str]) -> Lag:
    """How far the reader whose batches are called `key(source)` is behind, whoever that is and whether it lives."""
    missing, arrivals, count = 0, list[int](), 0
    for source, segments in listed(logs):
        newest = batches.newest(ledger, model, key(source))
        left = [(segment, unrecorded(segment, newest)) for segment in segments]
        missing += sum(length for _, (length, _) in left)
        arrivals += [arrival for _, (_, arrival) in left if arrival is not None][:1]
        count += sum(_about(segment, newest, length) for segment, (length, _) in left if length)
    behind = (clock.now() - min(arrivals)) / clock.SECOND if arrivals else 0.0
    return Lag(missing, max(0.0, behind), len(arrivals), count)


def unrecorded(segment: Segment, newest: batches.Batch | None) -> tuple[int, int | None]:
    """Bytes of a segment's records that are not read yet, and when the first of them arrived."""
    start = _begin(segment, newest)
    if start is None:
        return 0, None
    try:
        first = next(reader.read(segment.path, start), None)
        return (segment.path.stat().st_size - first.start, first.arrived) if first is not None else (0, None)
    except FileNotFoundError:  # recorded and removed this instant
        return 0, None


def rows_left(segment: Segment, newest: batches.Batch | None) -> int:
    """Rows of a segment that are not read yet."""
    start = _begin(segment, newest)
    with suppress(FileNotFoundError):
        return 0 if start is None else sum(record.rows for record in reader.read(segment.path, start))
    return 0


def _about(segment: Segment, newest: batches.Batch | None, length: int) -> int:
    """Rows in the `length` bytes of a segment that are not read yet, in proportion where they are many."""
    start = _begin(segment, newest)
    with suppress(FileNotFoundError):
        found = reader.skim(segment.path, start or 0, SKIMMED)
        return round(found.rows * length / found.bytes) if found.bytes >= SKIMMED else found.rows
    return 0


def _begin(segment: Segment, newest: batches.Batch | None) -> int | None:
    """Where reading goes on in a segment; None where a later one was begun."""
    if newest is None or segment.number > newest.segment:
        return 0
    if segment.number < newest.segment:
        return None
    return newest.end if newest.done else newest.start


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
    except FileNotFoundError:  # another process has read and removed it this instant
        return 0
