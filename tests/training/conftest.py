"""A user's project with data, and everything that training it needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from training.as_it_is import described

from shipworthy.contract.records import Contract, DataSource, Feature, Model, Purpose, Retraining
from shipworthy.registry.signing import signing_key
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.training.making import State
from shipworthy.training.trainer import Trained, train

HERE = Path(__file__).parent
DAY = 86_400_000_000_000

FEATURES = (
    Feature(name="distance", type="float", min=0, max=6000),
    Feature(name="stops", type="integer", min=0, max=5),
    Feature(name="wind", type="float", nullable=True),
    Feature(name="carrier", type="category", unknown="allow"),
)


def flights(rows: int = 600, seed: int = 0) -> pa.Table:
    """Flights over 60 days, in no order; one label in ten is not known yet."""
    random = np.random.default_rng(seed)
    distance = random.uniform(10, 5000, rows)
    wind = np.where(random.random(rows) < 0.2, np.nan, random.normal(10, 4, rows))
    late = distance / 5000 + np.nan_to_num(wind) / 40 + random.normal(0, 0.2, rows) > 0.7
    day = np.sort(random.integers(0, 60 * 24, rows))[random.permutation(rows)] * (DAY // 24)
    return pa.table(
        {
            "distance": distance,
            "stops": random.integers(0, 4, rows).astype(np.int32),
            "wind": wind,
            "carrier": np.array(["AA", "UA", "WN"])[random.integers(0, 3, rows)],
            "late": pa.array(late, mask=random.random(rows) < 0.1),
            "day": pa.array(day).cast(pa.timestamp("ns")).cast(pa.timestamp("us")),
        }
    )


class Project:
    """A project folder with its state."""

    def __init__(self, folder: Path, lock: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(HERE / "sample" / "recipes.py", folder / "recipes.py")
        shutil.copy(lock, folder / "requirements.lock")
        (folder / "data").mkdir()
        pq.write_table(flights(), folder / "data" / "flights.parquet")
        layout = Layout(folder)
        prepare(layout)
        self.state = State(
            layout, Ledger(layout.ledger_url), Objects(layout.objects), lambda: signing_key(layout.state)
        )

    def contract(self, recipe: str, **changes: Any) -> Contract:
        """The contract of one of the recipes."""
        given: dict[str, Any] = {
            "model": Model(name="late", task="classification", train=f"recipes:{recipe}", seed=7),
            "purpose": Purpose(decision="rebook", owner="ops@example.com"),
            "features": FEATURES,
            "parameters": {"c": 0.5},
            "data": (
                DataSource(name="flights", kind="file", location="data/flights.parquet", target="late", time="day"),
            ),
            "retraining": Retraining(history=40 * DAY, holdout=10 * DAY),
        }
        return Contract(**{**given, **changes})

    def train(self, contract: Contract, **more: Any):
        """A run of it."""
        return train(contract, self.state, described, no_reference, **more)


def no_reference(trained: Trained) -> None:
    """What monitoring compares with is not this layer's."""


@pytest.fixture(scope="session")
def lock() -> Path:
    return HERE.parent / "environments" / "requirements.lock"


@pytest.fixture(scope="session", autouse=True)
def cache(built: Path):
    """One cache of environments for these tests, so that none of the user's is touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHIPWORTHY_CACHE", str(built))
        yield


@pytest.fixture
def project(tmp_path: Path, lock: Path):
    made = Project(tmp_path / "project", lock)
    yield made
    made.state.ledger.close()
