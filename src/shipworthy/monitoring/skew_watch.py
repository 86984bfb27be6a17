"""The watch's looks at training/serving skew: rows as they were served against the same rows in the training source.

A look costs what reading the source costs, so there is none while nothing has changed, none within `PAUSE` of the last
one, and none before a hundred times as long has passed as the last one took. A source gets its rows late, those of a
day after the day: of all rows that arrived after what was compared last, a sample is looked up, and when enough of them
are there, the next look begins after the newest of those. So no row is ever weighed twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shipworthy.contract.records import Contract
from shipworthy.monitoring import alarming
from shipworthy.monitoring.following import log10
from shipworthy.monitoring.promise import chance_a_window
from shipworthy.monitoring.records import LEAST_LOG10, VERSION, Alarm
from shipworthy.monitoring.skew import compared, in_words
from shipworthy.monitoring.skew_evidence import SkewEvidence, SkewLook
from shipworthy.monitoring.stored import arrivals, arrived_after, feature_column, rows_of_file
from shipworthy.store.ledger import Entry, Ledger

KIND = "skew-look"
PAUSE = 300.0  # seconds between two looks
SHARE = 0.01  # of the time that looking may take


class Training(NamedTuple):
    """Rows of the training source."""

    rows: pa.Table  # those with one of the ids asked for, as a request would have given them
    pinned: str  # of which version of it


class Source(Protocol):
    """The training source, as it is now."""

    def state(self) -> str | None:
        """Something that changes when its rows do; None where nobody can say."""
        ...

    def rows(self, ids: pa.StringArray) -> Training:
        """Its rows with one of the ids. ShipworthyError where it cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class SkewFacts:
    """What a look asks others."""

    source: Source
    event_time: Callable[[], int | None]  # how far the model's own time has come, ns
    release: Callable[[], int | None]  # that answers now
    watched: Callable[[int], int]  # of a release: how many things share the promise, this one included
    with_effect: Callable[[Alarm], Alarm]  # the alarm with what quality did since


class SkewWatch:
    """Watches one model whose contract names a column of ids. One process at a time."""

    def __init__(
        self,
        ledger: Ledger,
        contract: Contract,
        predictions: Path,
        facts: SkewFacts,
        *,
        pause: float = PAUSE,
        time_share: float = SHARE,
    ) -> None:
        source = contract.target_source
        self._ledger, self._contract, self._predictions, self._facts = ledger, contract, predictions, facts
        self._name, self._id = ("", None) if source is None else (source.name, source.id)
        self._pause, self._time_share, self._next = pause, time_share, float("-inf")
        self._evidence: SkewEvidence | None = None
        self._last: SkewLook | None = None
        self._seen: object = None  # of source and predictions, when nothing came of a look

    def step(self) -> list[Entry]:
        """Look, if it is time; returns the alarm that is new. ShipworthyError where the source cannot be read."""
        if self._id is None or time.monotonic() < self._next:
            return []
        begun = time.monotonic()
        self._next = begun + self._pause
        try:
            return self._look()
        except BaseException:
            self._evidence = None
            raise
        finally:
            took = time.monotonic() - begun
            self._next = begun + took + max(self._pause, took / self._time_share)

    def over(self, id_: str) -> str:
        """Why an alarm, by the id of its record, is so no longer; "" while it is."""
        key = self._ledger.get(id_).key
        release = self._facts.release()
        if release is None or key == f"skew:{self._followed(release).open}":
            return ""
        return "rows served are again what the training source says"

    def _look(self) -> list[Entry]:
        release, now = self._facts.release(), self._facts.event_time()
        if release is None or now is None:
            return []
        evidence, last = self._followed(release), self._last
        files, total = arrived_after(self._predictions, 0 if last is None else last.until)
        state = self._facts.source.state()
        seen = (state, tuple(files))
        if not files or (state is not None and seen == self._seen):
            return []
        self._seen = seen
        look = self._compared(files, total, now)
        return [] if look is None else self._write(evidence, look, release)

    def _followed(self, release: int) -> SkewEvidence:
        """The evidence of all looks so far, from the ledger where nothing is remembered."""
        if self._evidence is None:
            rule, names = self._contract.gate.skew, [one.name for one in self._contract.features]
            chance = chance_a_window(self._contract.monitoring)
            self._evidence = SkewEvidence(names, rule.share, log(self._facts.watched(release) / chance))
            for entry in reversed(self._ledger.entries(KIND, self._contract.name)):
                self._last = entry.decode(SkewLook)
                self._evidence.add(self._last)
        return self._evidence

    def _compared(self, files: list[Path], total: int, now: int) -> SkewLook | None:
        """A look that is not weighed yet; None where too few rows are there."""
        rule, last, monitoring = self._contract.gate.skew, self._last, self._contract.monitoring
        number = 1 if last is None else last.number + 1
        served = self._sample(files, total, 0 if last is None else last.until, number)
        if served.num_rows < rule.fewest:
            return None
        training = self._facts.source.rows(pa.array(served["id"].to_pylist(), pa.string()))
        rows, unknown, ambiguous, found = compared(
            served, training.rows, str(self._id), self._contract.features, rule.tolerance
        )
        if rows < rule.fewest:
            return None
        known: Any = pc.is_in(served["id"], value_set=training.rows[str(self._id)].cast(pa.string()).combine_chunks())
        share = 1.0 if last is None else (now - last.event_time) / monitoring.window
        return SkewLook(
            version=VERSION,
            number=number,
            source=self._name,
            pinned=training.pinned,
            tolerance=rule.tolerance,
            event_time=now,
            until=int(arrivals(served.filter(known)).max()),
            share=float(min(1.0, max(share, 1e-6))),
            rows=rows,
            unknown=unknown,
            ambiguous=ambiguous,
            features=found,
            allowed=rule.share,
            standing=LEAST_LOG10,
            words=in_words(served.num_rows, rows, unknown, ambiguous, found),
        )

    def _sample(self, files: list[Path], total: int, after: int, seed: int) -> pa.Table:
        """About `gate.skew.newest` of the rows with an id that arrived after an instant, each id once."""
        columns = {feature_column(feature.name) for feature in self._contract.features}
        chosen = np.random.default_rng(seed)
        share = min(1.0, self._contract.gate.skew.newest / max(1, total))
        parts: list[pa.Table] = []
        for file in files:
            for rows in rows_of_file(file, columns):
                usable: Any = pc.is_valid(rows["id"])
                kept = usable.to_numpy() & (arrivals(rows) > after) & (chosen.random(rows.num_rows) < share)
                parts.append(rows.take(np.flatnonzero(kept)))
        found = pa.concat_tables(parts, promote_options="permissive").sort_by(
            [("arrived", "descending"), ("prediction_id", "ascending")]
        )
        first = pc.index_in(pc.unique(found["id"]), value_set=found["id"].combine_chunks())
        return found.take(first)

    def _write(self, evidence: SkewEvidence, look: SkewLook, release: int) -> list[Entry]:
        before = evidence.open
        reading = evidence.add(look)
        over = log10(reading.log_sum) - log10(evidence.log_threshold)
        look = msgspec.structs.replace(look, standing=round(over, 6))
        self._last = look
        alarm = None
        if evidence.open == look.number and before is None:
            window = self._contract.monitoring.window
            alarm = alarming.of_skew(look, reading, release, window, evidence.log_threshold)
            alarm = self._facts.with_effect(alarm)
        model, key = self._contract.name, str(look.number)
        with self._ledger.transaction() as connection:
            self._ledger.append(KIND, model, look, key=key, connection=connection)
            if alarm is None:
                return []
            return [
                self._ledger.append(
                    "alarm", model, alarm, subject=str(release), key=f"skew:{key}", connection=connection
                )
            ]
