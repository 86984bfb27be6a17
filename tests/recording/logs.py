"""A project whose log takes rows of known event times; shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select

from shipworthy import clock
from shipworthy.contract.records import Contract, Feature, Model, Monitoring, Purpose, Recording, Serving
from shipworthy.counts.reference import Reference, build
from shipworthy.counts.windows import Counts, add, decode, empty
from shipworthy.models.records import Columns
from shipworthy.predictions.log import LogWriter
from shipworthy.recording.recorder import Recorder
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare
from shipworthy.store.tables import progress, window_counts

MODEL = "delays"
START = clock.from_iso("2013-04-01T00:00:00Z")
FEATURES = (
    Feature(name="carrier", type="category"),
    Feature(name="wind", type="float", nullable=True, on_violation="flag"),
    Feature(name="seats", type="integer"),
    Feature(name="at", type="timestamp", nullable=True),
)
CLASSES = (0, 1)
CONTRACT = Contract(
    model=Model(name=MODEL, task="classification", train="m:train"),
    purpose=Purpose(decision="rebook", owner="ops@example.com"),
    features=FEATURES,
    serving=Serving(event_time="at"),
    recording=Recording(commit_every=clock.HOUR, commit_bytes=2_000),
    monitoring=Monitoring(window=clock.HOUR, lateness=clock.HOUR),
)


def columns_of(times: Sequence[int], seed: int = 0) -> Columns:
    """Rows at event times."""
    source, rows = np.random.default_rng(seed), len(times)
    wind = source.normal(10, 3, rows)
    wind[source.random(rows) < 0.1] = np.nan
    return [
        np.array(source.choice(["AA", "UA", "DL"], rows), object),
        wind,
        source.integers(1, 200, rows),
        np.array(times, np.int64),
    ]


def answers_of(columns: Columns) -> np.ndarray:
    """What the model of these tests says: never the same to two rows."""
    late = 1 / (1 + np.exp(-columns[2].astype(float) / 200))
    return np.stack([1 - late, late], axis=1)


@dataclass
class Project:
    """A project's state, and what its log was given."""

    layout: Layout
    ledger: Ledger
    reference: Reference

    def writer(self, source: str, release: int = 1, segment_bytes: int = 8_000) -> LogWriter:
        log = LogWriter(self.layout.logs(MODEL), source, segment_bytes=segment_bytes)
        log.open(MODEL, release, FEATURES, CLASSES, "at")
        return log

    def recorder(self, contract: Contract = CONTRACT, **options: Any) -> Recorder:
        return Recorder(self.layout, MODEL, self.ledger, contract, lambda _: self.reference, **options)

    def predictions(self) -> pl.DataFrame:
        return pl.read_delta(str(self.layout.predictions(MODEL)))

    def counts(self) -> dict[int, Counts]:
        """By window, all sources together."""
        found: dict[int, Counts] = {}
        with self.ledger.reading() as connection:
            for row in connection.execute(select(window_counts)):
                found[row.window] = add(found.get(row.window, empty(self.reference)), decode(row.counts))
        return found

    def newest(self) -> dict[str, int]:
        with self.ledger.reading() as connection:
            return {row.source: row.newest for row in connection.execute(select(progress))}


def write(log: LogWriter, times: Sequence[int], seed: int = 0, *, arrived: int | None = None) -> list[str]:
    """One record of rows at event times; returns their prediction ids."""
    columns = columns_of(times, seed)
    offset = log.append(clock.now() if arrived is None else arrived, len(times), columns, answers_of(columns))
    return [f"{log.prefix}{offset}-{row}" for row in range(len(times))]


@contextmanager
def opened(folder: Path) -> Iterator[Project]:
    """The project in a folder, made where it is not there yet."""
    layout = Layout(folder)
    prepare(layout)
    columns = columns_of([START + index * clock.MINUTE for index in range(500)], seed=9)
    reference = build(
        FEATURES, columns, columns[3].astype(np.int64), answers_of(columns), None, window=clock.HOUR, event_time="at"
    )
    ledger = Ledger(layout.ledger_url)
    try:
        yield Project(layout, ledger, reference)
    finally:
        ledger.close()
