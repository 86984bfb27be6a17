"""A small model's world: days of predictions recorded as recording does, and truths that come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import write_deltalake
from sqlalchemy import delete, insert

from shipworthy import clock
from shipworthy.contract.records import Contract, Feature, Gate, Labels, Model, Monitoring, Purpose, Retraining
from shipworthy.counts.reference import Reference, build
from shipworthy.counts.windows import count, encode
from shipworthy.monitoring.basis import Basis, HeldRows
from shipworthy.monitoring.performance import Promised
from shipworthy.monitoring.self_consistency import settle
from shipworthy.monitoring.watch import Facts, Watch
from shipworthy.predictions.label_log import Label, LabelLog
from shipworthy.predictions.log import source_name
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare
from shipworthy.store.tables import progress, window_counts

MODEL = "delays"
DAY = clock.DAY
FEATURES = (Feature(name="wind", type="float"), Feature(name="carrier", type="category"))
CONTRACT = Contract(
    model=Model(name=MODEL, task="classification", train="m:train"),
    purpose=Purpose(decision="rebook", owner="ops@example.com"),
    features=FEATURES,
    labels=Labels(kind="delta", location="outcomes", key="id", target="late", time="known_at"),
    monitoring=Monitoring(performance=0.03),
    retraining=Retraining(wait=5 * DAY),
    gate=Gate(metric="auc"),
)
ROWS = 400  # a day
GATE = 0.83  # AUC of `answers` without noise, about


def rows(day: int, shift: float = 0.0, count_: int | None = None, noise: float = 0.0):
    """Columns, answers and truths of one day; `shift` moves the wind, `noise` makes the model worse."""
    rng = np.random.default_rng([day, 1])
    count_ = count_ or ROWS
    wind = rng.normal(shift, 1, count_)
    carrier = np.array(["AA", "UA", "WN"], dtype=object)[rng.integers(0, 3, count_)]
    late = rng.random(count_) < 1 / (1 + np.exp(-2 * wind))
    said = 1 / (1 + np.exp(-2 * (wind + noise * rng.normal(size=count_))))
    return [wind, carrier], np.stack([1 - said, said], axis=1), late


def keys_of(day: int) -> list[str]:
    """What names the predictions of a day: the caller's id where there is one, else the prediction's own."""
    return [f"{day}/{row}" if row % 2 else f"1-w0-0-{day}-{row}" for row in range(ROWS)]


def reference() -> Reference:
    """Forty days before the world begins, held out: ten."""
    parts = [rows(1_000 + day) for day in range(40)]
    columns = [np.concatenate([part[0][i] for part in parts]) for i in range(2)]
    times = np.repeat(np.arange(40) * DAY, ROWS)
    answers = np.concatenate([part[1] for part in parts])
    found = build(FEATURES, columns, times, answers, times, window=DAY)
    return settle(found, CONTRACT.monitoring)


REFERENCE = reference()
BASIS = Basis("auc", (False, True), Promised(GATE, 4_000))  # of a release that keeps no rows to estimate from


def held_out() -> HeldRows:
    """The same days, as rows held out with their labels."""
    parts = [rows(1_000 + day) for day in range(40)]
    return HeldRows(
        target=np.concatenate([part[2] for part in parts]).astype(object),
        answers=np.concatenate([part[1] for part in parts]),
        windows=np.repeat(np.arange(40), ROWS),
        columns={
            feature.name: np.concatenate([part[0][index] for part in parts]) for index, feature in enumerate(FEATURES)
        },
    )


@dataclass
class World:
    """State of the model, and what the watch is told."""

    layout: Layout
    ledger: Ledger
    live: set[int] = field(default_factory=lambda: {1})
    answered: dict[str, int] = field(default_factory=dict)
    contract: Contract = CONTRACT
    basis: Basis = BASIS

    def watch(self, ledger: Ledger | None = None) -> Watch:
        """A watch as a process that has just begun would have it."""
        facts = Facts(
            reference_of=lambda _: REFERENCE,
            basis_of=lambda _: self.basis,
            live=lambda: self.live,
            answered=lambda: self.answered,
        )
        return Watch(self.layout, ledger or self.ledger, self.contract, facts)

    def days(self, first: int, last: int, shift: float = 0.0, sources: Sequence[str] = ("w0",), release: int = 1):
        """Record the counts of days first … last - 1, each split over the sources."""
        with self.ledger.transaction() as connection:
            for day in range(first, last):
                columns, answers, _ = rows(day, shift)
                for source, part in zip(sources, np.array_split(np.arange(ROWS), len(sources)), strict=True):
                    counts = count(REFERENCE, [column[part] for column in columns], answers[part])
                    row = {"model": MODEL, "release": release, "source": source, "window": day * DAY}
                    connection.execute(
                        insert(window_counts).values(row | {"rows": counts.rows, "counts": encode(counts)})
                    )
            self._progress(connection, last)

    def _progress(self, connection, last: int) -> None:
        connection.execute(delete(progress).where(progress.c.source == "w0"))
        newest = last * DAY - 1
        connection.execute(insert(progress).values(model=MODEL, source="w0", newest=newest))

    def predict(self, first: int, last: int, noise: float = 0.0, shift: float = 0.0) -> None:
        """Record the predictions of days, one Delta commit a day; a caller's id is "<day>/<row>"."""
        for day in range(first, last):
            (wind, carrier), answers, _ = rows(day, shift, noise=noise)
            table = pa.table(
                {
                    "prediction_id": [f"1-w0-0-{day}-{row}" for row in range(ROWS)],
                    "id": pa.array([f"{day}/{row}" if row % 2 else None for row in range(ROWS)], pa.string()),
                    "release": pa.array([1] * ROWS, pa.int32()),
                    "window": pa.array([day * DAY // 1000] * ROWS, pa.timestamp("us", tz="UTC")),
                    "features": pa.StructArray.from_arrays([wind, carrier.tolist()], names=["wind", "carrier"]),
                    "values": pa.array(answers.tolist()),
                }
            )
            write_deltalake(str(self.layout.predictions(MODEL)), table, mode="append")

    def tell(
        self,
        first: int,
        last: int,
        part: slice = slice(None),
        noise: float = 0.0,
        known: float = 1.5,
        shift: float = 0.0,
    ) -> None:
        """Append the truths of days, by prediction id where the caller gave no id, known so many days later."""
        for day in range(first, last):
            self._append(day, rows(day, shift, noise=noise)[2], part, known)

    def tell_of(self, day: int, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Append the truths of a day, changed."""
        self._append(day, change(rows(day)[2]), slice(None), 1.5)

    def _append(self, day: int, late: np.ndarray, part: slice, known: float) -> None:
        keys = keys_of(day)
        at = pa.array([int((day + known) * DAY) // 1000] * ROWS, pa.timestamp("us", tz="UTC"))
        table = pa.table({"id": keys, "late": late, "known_at": at}).take(np.arange(ROWS)[part])
        write_deltalake(str(self.layout.project / "outcomes"), table, mode="append")

    def post(self, first: int, last: int, noise: float = 0.0, known: float = 1.5) -> None:
        """The truths of days as callers send them to a server, known so many days later."""
        log = LabelLog(self.layout.logs(MODEL), source_name("w0"), disk=False)
        for day in range(first, last):
            at, late = int((day + known) * DAY), rows(day, noise=noise)[2]
            log.append([Label(key, bool(truth), at) for key, truth in zip(keys_of(day), late, strict=True)])

    def bodies(self, kind: str) -> dict[str | None, bytes]:
        """What the ledger holds of a kind, by key."""
        return {entry.key: entry.body for entry in self.ledger.entries(kind, MODEL)}


def changed(contract: Contract, **monitoring: object) -> Contract:
    """The contract with other promises."""
    return msgspec.structs.replace(contract, monitoring=msgspec.structs.replace(contract.monitoring, **monitoring))


@contextmanager
def opened(folder: Path) -> Iterator[World]:
    """A world in a folder."""
    layout = Layout(folder)
    prepare(layout)
    ledger = Ledger(layout.ledger_url)
    try:
        yield World(layout, ledger)
    finally:
        ledger.close()
