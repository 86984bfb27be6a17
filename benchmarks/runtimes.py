"""What a call costs in each runtime, family by family, and whether it answers as the library does.

    python benchmarks/runtimes.py [--quick] [--json FILE]

Models of made flights (3 categories, 11 numbers, gaps among them), packaged as a release is: converted in a process of
their own, held against the library's answers on probes with both sides of split points, timed with one thread.
docs/reference/runtimes.md shows the table that this prints.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy.contract.records import Feature
from shipworthy.models.columns import schema
from shipworthy.models.converting import Facts
from shipworthy.models.inside.convention import CONVERTED, EXACT
from shipworthy.models.packaging import package

CATEGORIES = {"carrier": 16, "origin": 3, "destination": 100}
NUMBERS = [f"number_{place}" for place in range(11)]
FEATURES = (
    *(Feature(name=name, type="category") for name in CATEGORIES),
    *(Feature(name=name, type="float", nullable=True) for name in NUMBERS),
)
TOLERANCE = 1e-5
PROBES = 1000


def main() -> None:
    """Package every family, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small models")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    rows, trees = (2_000, 20) if options.quick else (50_000, 150)
    measured = [row for family, make in families(trees).items() for row in measure(family, make(), rows)]
    ratios = {row["family"]: row["faster_one"] for row in measured if row["runtime"] == f"onnx, {EXACT}"}
    print(as_markdown(measured))
    if options.json:
        options.json.write_text(json.dumps({"rows": measured, "ratios": ratios}, indent=1))


def families(trees: int) -> dict[str, Callable[[], Any]]:
    """Name -> an untrained pipeline."""
    import lightgbm
    import xgboost
    from sklearn import ensemble, linear_model, neural_network
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    names = list(CATEGORIES)

    def numbered(model: Any) -> Any:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        return make_pipeline(make_column_transformer((encoder, names), remainder="passthrough"), model)

    def scaled(model: Any) -> Any:
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return make_pipeline(make_column_transformer((hot, names), (numbers, NUMBERS)), model)

    sets = {"categorical_features": [0, 1, 2], "early_stopping": False}
    return {
        "HistGradientBoosting": lambda: numbered(
            ensemble.HistGradientBoostingClassifier(max_iter=trees, early_stopping=False)
        ),
        "HistGradientBoosting, category sets": lambda: numbered(
            ensemble.HistGradientBoostingClassifier(max_iter=trees, **sets)
        ),
        "LightGBM": lambda: numbered(lightgbm.LGBMClassifier(n_estimators=trees, n_jobs=1, verbose=-1)),
        "XGBoost": lambda: numbered(xgboost.XGBClassifier(n_estimators=trees, n_jobs=1)),
        "RandomForest": lambda: numbered(ensemble.RandomForestClassifier(trees, max_depth=12, random_state=0)),
        "LogisticRegression": lambda: scaled(linear_model.LogisticRegression(max_iter=300)),
        "MLP": lambda: scaled(neural_network.MLPClassifier((32,), max_iter=100, tol=1e-2, random_state=0)),
    }


def measure(family: str, model: Any, rows: int) -> list[dict[str, Any]]:
    """One row a runtime: ours, skl2onnx's, the library's own."""
    frame, late = flights(rows, seed=0)
    model.fit(frame, late)
    table = probes(model)
    facts = Facts("flights", "classification", FEATURES, (0, 1), "late", family, "pandas")
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "model.pkl").write_bytes(pickle.dumps(model))
        pq.write_table(table, folder / "probes.parquet")
        np.save(folder / "probe_answers.npy", model.predict_proba(table.to_pandas()))
        for how in (EXACT, CONVERTED):
            said = package(folder, facts, tolerance=TOLERANCE, python=Path(sys.executable), how=(how,))
            by_name = {verdict.name: verdict for verdict in said.runtimes}
            own = by_name["python"]
            found.append(_row(family, f"onnx, {how}", by_name["onnx"], own))
    return [*found, _row(family, "the library's own call", own, own)]


def _row(family: str, runtime: str, verdict: Any, own: Any) -> dict[str, Any]:
    one = verdict.microseconds_one
    return {
        "family": family,
        "runtime": runtime,
        "equal": verdict.equal,
        "probes": verdict.probes,
        "largest_difference": verdict.largest_difference,
        "microseconds_one": one,
        "microseconds_batch": verdict.microseconds_batch,
        "faster_one": own.microseconds_one / one if one else None,
        "reason": verdict.reason,
    }


def flights(rows: int, seed: int) -> tuple[pd.DataFrame, Any]:
    """Rows and whether they were late."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({name: random.integers(0, many, rows).astype(str) for name, many in CATEGORIES.items()})
    told = sum(frame[name].astype(int) % 3 for name in CATEGORIES) / 3
    for place, name in enumerate(NUMBERS):
        # A grid that neither a double nor a float hits, so that split points are known and told apart.
        frame[name] = random.integers(0, 200, rows) * 0.1
        told = told + np.sin(frame[name] / (place + 1))
        frame.loc[random.random(rows) < 0.05, name] = np.nan
    late = told.fillna(told.mean()) + random.normal(size=rows) > told.mean()
    return frame, late.astype(int).to_numpy()


def probes(model: Any) -> pa.Table:
    """New rows, unseen categories, and values on and beside what can be split points."""
    frame, _ = flights(PROBES, seed=1)
    frame.loc[:20, "carrier"] = "never seen"
    middles = np.arange(0, 400) * 0.05
    at = np.concatenate([np.nextafter(middles, -math.inf), middles, np.nextafter(middles, math.inf)])
    random = np.random.default_rng(2)
    beside, _ = flights(len(at), seed=3)
    for name in NUMBERS:
        beside[name] = random.permutation(at)
    return pa.Table.from_pandas(pd.concat([frame, beside]), schema=schema(FEATURES), preserve_index=False)


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The table of the reference."""
    lines = [
        "| family | runtime | equal | largest difference | one row, µs | a row of 1,000, µs |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        far = "–" if row["largest_difference"] is None else f"{row['largest_difference']:.1g}"
        equal = "yes" if row["equal"] else "**no**" if far != "–" else "not made"
        costs = [_figure(row["microseconds_one"]), _figure(row["microseconds_batch"])]
        lines.append(f"| {' | '.join([row['family'], row['runtime'], equal, far, *costs])} |")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
