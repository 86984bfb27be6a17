"""A release to score with and rows to score; shared by the tests of this folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shipworthy import clock
from shipworthy.contract.records import Contract, Feature, Labels, Model, Purpose, Serving
from shipworthy.models.records import BundleDescription, Columns
from shipworthy.scoring.score import Scorer

START = clock.from_iso("2013-04-01T00:00:00Z")
FEATURES = (
    Feature(name="carrier", type="category", unknown="refuse"),
    Feature(name="distance", type="float", min=0, max=6000),
    Feature(name="wind", type="float", nullable=True, min=0, on_violation="flag"),
    Feature(name="seats", type="integer", min=1, on_violation="default", default=100),
    Feature(name="at", type="timestamp"),
)
CONTRACT = Contract(
    model=Model(name="delays", task="classification", train="m:train"),
    purpose=Purpose(decision="rebook", owner="ops@example.com"),
    features=FEATURES,
    labels=Labels(kind="delta", location="data/outcomes", key="booking", target="late"),
    serving=Serving(event_time="at"),
)
DESCRIPTION = BundleDescription(
    version=1,
    model="delays",
    task="classification",
    features=(Feature(name="carrier", type="category", unknown="refuse", values=("AA", "UA")), *FEATURES[1:]),
    classes=(0, 1),
    target="late",
    family="by hand",
    runtimes=(),
    online="onnx",
    batch="onnx",
)


def late(columns: Columns) -> np.ndarray:
    """What the model of these tests says: a function of the row alone."""
    chance = columns[1].astype(float) / 6000
    return np.stack([1 - chance, chance], axis=1)


def scorer(release: int = 3, pause: float = 0.0, **changed: Any) -> Scorer:
    def answer(columns: Columns) -> np.ndarray:
        time.sleep(pause)
        return late(columns)

    return Scorer(**{"contract": CONTRACT, "description": DESCRIPTION, "release": release, "answer": answer} | changed)


def rows(count: int, **changed: Any) -> pa.Table:
    """Rows that keep the contract, but for the columns that are given."""
    columns = {
        "booking": [f"b{number}" for number in range(count)],
        "carrier": ["AA", "UA"] * (count // 2) + ["AA"] * (count % 2),
        "distance": np.linspace(0, 6000, count),
        "wind": np.full(count, 5.0),
        "seats": np.full(count, 150),
        "at": pa.array([START + number * clock.SECOND for number in range(count)]).cast(pa.timestamp("ns", "UTC")),
    }
    return pa.table(columns | changed)


def logs(folder: Path) -> Path:
    return folder / "state" / "models" / "delays" / "log"


def silent(_what: str, _share: float | None) -> None:
    """Reports to nobody."""
