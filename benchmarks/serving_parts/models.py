"""The models that are served: a gradient boosting on 30 floats, and one on features of all types.

Each becomes a signed release for us, and a plain ONNX file for the peers.
"""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from shipworthy import digest
from shipworthy.contract.records import Contract, Feature, Model, Purpose
from shipworthy.counts import reference
from shipworthy.models.converting import Facts
from shipworthy.models.packaging import package
from shipworthy.registry.manifest import Identity, manifest_statement
from shipworthy.registry.signing import signing_key
from shipworthy.store.layout import Layout
from shipworthy.store.objects import File
from shipworthy.store.preparation import prepare as prepare_project

NAME = "tumour"
CARRIERS = ("AA", "B6", "DL", "EV", "MQ", "UA", "US", "WN")
ORIGINS = ("EWR", "JFK", "LGA")


@dataclass(frozen=True)
class Prepared:
    """What all servers need for one model."""

    scratch: Path
    graph: Path  # what the peers serve
    rows: tuple[dict[str, Any], ...]  # different ones, as JSON has them

    def named(self, count: int) -> str:
        """A request of `count` rows of named features."""
        rows = [self.rows[index % len(self.rows)] for index in range(count)]
        return json.dumps({"rows": rows}, separators=(",", ":"))

    def matrix(self, count: int) -> list[list[float]]:
        """`count` rows of numbers without names."""
        return [list(self.rows[index % len(self.rows)].values()) for index in range(count)]


def floats(scratch: Path) -> Prepared:
    """A gradient boosting of 100 trees on 30 floats; the peers' graph is converted as a peer would convert it."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    frame = pd.DataFrame(data.data, columns=names)
    model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(frame, data.target)
    features = tuple(Feature(name=name, type="float", min=0.0, max=float(frame[name].max()) * 2) for name in names)
    _release(scratch, model, frame, features)
    inputs = [("X", FloatTensorType([None, len(names)]))]
    converted = to_onnx(model, initial_types=inputs, options={id(model): {"zipmap": False}}, target_opset=17)
    (scratch / "plain.onnx").write_bytes(converted.SerializeToString())
    rows = tuple({name: float(f"{row[name]:.6g}") for name in names} for row in frame.head(100).to_dict("records"))
    return Prepared(scratch, scratch / "plain.onnx", rows)


def mixed(scratch: Path) -> Prepared:
    """Categories, nulls, integers, booleans and a timestamp; the peer is given our own graph, the faster one."""
    features = (
        Feature(name="departure", type="timestamp"),
        Feature(name="carrier", type="category", values=CARRIERS, unknown="refuse"),
        Feature(name="origin", type="category", values=ORIGINS, unknown="refuse"),
        Feature(name="note", type="category"),
        Feature(name="stops", type="integer", min=0, max=5),
        Feature(name="hour", type="integer", min=0, max=23),
        Feature(name="seats", type="integer", nullable=True),
        Feature(name="night", type="boolean"),
        *(Feature(name=f"wind_{index}", type="float", nullable=True) for index in range(6)),
        *(Feature(name=f"delay_{index}", type="float", min=-100, max=2000) for index in range(10)),
    )
    frame = _flights(features, 600)
    late = (frame["delay_0"] + 100 * frame["stops"] > 150).to_numpy().astype(int)
    names = ["carrier", "origin", "note"]
    numbers = [feature.name for feature in features if feature.type in ("integer", "boolean", "float")]
    encoded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    inputs = ColumnTransformer([("names", encoded, names), ("numbers", "passthrough", numbers)])
    model = Pipeline([("inputs", inputs), ("trees", HistGradientBoostingClassifier(max_iter=100, random_state=0))])
    model.fit(frame, late)
    graph = _release(scratch, model, frame, features)
    rows = tuple(
        {name: _plain(name, value) for name, value in row.items()} for row in frame.head(100).to_dict("records")
    )
    return Prepared(scratch, graph, rows)


def _flights(features: tuple[Feature, ...], count: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for feature in features:
        if feature.type == "timestamp":
            seconds = 1_365_000_000 + random.integers(0, 10**6, count)
            made[feature.name] = pd.to_datetime(seconds, unit="s", utc=True).astype("datetime64[ns, UTC]")
        elif feature.type == "category":
            made[feature.name] = random.choice(feature.values or ("de-icing", "none", "late crew"), count)
        elif feature.type == "boolean":
            made[feature.name] = random.random(count) < 0.3
        elif feature.type == "integer":
            made[feature.name] = random.integers(0, 6, count)
        else:
            made[feature.name] = np.round(random.normal(50, 30, count).clip(-100, 2000), 2)
        if feature.nullable:
            values = made[feature.name].astype(float)
            made[feature.name] = np.where(random.random(count) < 0.2, np.nan, values)
    return pd.DataFrame(made)


def _plain(name: str, value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, pd.Timestamp):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and np.isnan(value):
        return None
    return int(value) if name == "seats" else value


def _release(scratch: Path, model: Any, frame: Any, features: tuple[Feature, ...]) -> Path:
    """The release's folder, the project around it and what the recorder compares with; the path of our graph."""
    contract = Contract(
        model=Model(name=NAME, task="classification", train="none:none"),
        purpose=Purpose(decision="a benchmark", owner="nobody"),
        features=features,
    )
    folder = scratch / "release"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    answers = model.predict_proba(frame)
    np.save(folder / "probe_answers.npy", answers)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for place, feature in enumerate(features):
        if feature.type == "integer" and feature.nullable:
            whole = table.column(place).cast(pa.int64())
            table = table.set_column(place, feature.name, whole)
    pq.write_table(table, folder / "probes.parquet")
    facts = Facts(NAME, "classification", features, (0, 1), "target", "sklearn", "pandas")
    description = package(folder, facts, tolerance=1e-5, python=Path(sys.executable))
    if description.online != "onnx":
        raise SystemExit(f"the model is not served by ONNX Runtime: {[one.reason for one in description.runtimes]}")
    columns = [_column(feature, frame[feature.name]) for feature in features]
    compared = reference.build(features, columns, None, answers, None, window=contract.monitoring.window)
    (folder / "reference.json").write_bytes(reference.encode(compared))
    sign(scratch, contract)
    prepare_project(Layout(scratch / "project"))
    return folder / "runtimes" / "onnx" / "model.onnx"


def sign(scratch: Path, contract: Contract) -> None:
    """Make release 1 of what lies in scratch/release."""
    folder = scratch / "release"
    (folder / "contract.json").write_bytes(digest.canonical_json(contract))
    files = [
        File(path.relative_to(folder).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    manifest = manifest_statement(Identity(1, NAME, 1, "run-1", contract.digest, True, (), 0), files)
    (folder / "manifest.json").write_bytes(manifest.encode())
    (folder / "manifest.dsse.json").write_bytes(signing_key(scratch / "configuration").sign(manifest))


def _column(feature: Feature, series: Any) -> Any:
    if feature.type == "timestamp":
        return series.astype("int64").to_numpy()
    return series.to_numpy(dtype=object) if feature.type == "category" else series.to_numpy()
