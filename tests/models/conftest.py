"""Flights that never were: two categories, floats, integers, booleans, gaps, and labels of three kinds."""

import pickle  # noqa: TID251
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

from shipworthy.contract.records import Feature
from shipworthy.models.columns import schema
from shipworthy.models.converting import Facts
from shipworthy.models.inside.own_call import as_table, own_call
from shipworthy.models.packaging import package

ROWS = 2000
FEATURES = (
    Feature(name="carrier", type="category"),
    Feature(name="origin", type="category", nullable=True),
    Feature(name="distance", type="float"),
    Feature(name="hour", type="integer"),
    Feature(name="wind", type="float", nullable=True),
    Feature(name="night", type="boolean"),
)
CATEGORIES = ["carrier", "origin"]
NUMBERS = ["distance", "hour", "wind", "night"]


def flights(seed: int, rows: int = ROWS) -> pd.DataFrame:
    """Rows as training sees them; doubles that no float can hold, and some nulls."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "carrier": random.choice(["AA", "B6", "DL", "UA", "WN", ""], rows),
            "origin": random.choice(["EWR", "JFK", "LGA"], rows),
            "distance": random.gamma(2, 500, rows),
            "hour": random.integers(0, 24, rows),
            "wind": np.where(random.random(rows) < 0.1, np.nan, random.normal(10, 4, rows)),
            "night": random.random(rows) < 0.3,
        }
    )
    frame.loc[random.random(rows) < 0.1, "origin"] = None
    return frame


def delay(frame: pd.DataFrame, seed: int) -> np.ndarray:
    """Minutes late, of everything that is known."""
    random = np.random.default_rng(seed)
    told = frame.carrier.isin(["UA", "B6"]) * 1.0 + frame.hour / 10 - frame.distance / 1000 + frame.night
    return (told + frame.wind.fillna(12) / 10 + (frame.origin == "JFK") + random.normal(size=len(frame))).to_numpy()


def probes(splits: dict[str, list[float]]) -> pd.DataFrame:
    """New rows, categories that training never saw, and both sides of every split point given."""
    frame = flights(seed=7, rows=300)
    frame.loc[:20, "carrier"] = "never seen"
    at = [
        {**frame.iloc[place % 300].to_dict(), name: value}
        for name, values in splits.items()
        for place, threshold in enumerate(values)
        for value in (np.nextafter(threshold, -np.inf), threshold, np.nextafter(threshold, np.inf))
    ]
    return pd.concat([frame, pd.DataFrame(at)], ignore_index=True) if at else frame


class Trained:
    """A model and the folder that training would leave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, model, features, splits=None, frame=None) -> Facts:
        """Writes model, probes and its own answers; what is known of it."""
        classifier = hasattr(model, "predict_proba")
        names = [feature.name for feature in features]
        frame = probes(splits or {}) if frame is None else frame
        table = pa.Table.from_pandas(frame[names], schema=schema(features), preserve_index=False)
        call = own_call(model, "classification" if classifier else "regression")
        self.folder.mkdir(exist_ok=True)
        (self.folder / "model.pkl").write_bytes(pickle.dumps(model))
        pq.write_table(table, self.folder / "probes.parquet")
        answers = np.asarray(call(as_table(table, "pandas")), dtype=float)
        np.save(self.folder / "probe_answers.npy", answers.reshape(table.num_rows, -1))
        return Facts(
            model="toy",
            task="classification" if classifier else "regression",
            features=tuple(features),
            classes=tuple(value.item() for value in model.classes_) if classifier else (),
            target="late",
            family=f"{type(model).__module__}.{type(model).__qualname__}",
            table="pandas",
        )

    def package(self, model, features=FEATURES, splits=None, tolerance=1e-12):
        """The description of the finished bundle."""
        facts = self.save(model, features, splits)
        return package(self.folder, facts, tolerance=tolerance, python=Path(sys.executable))


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """OpenMP's threads wait for each other: with a busy neighbour a training of milliseconds takes seconds."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def trained(tmp_path):
    """A folder for a trained model."""
    return Trained(tmp_path / "bundle")
