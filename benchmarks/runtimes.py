"""What a call costs in each runtime, family by family, and whether it answers as the library does.

    python benchmarks/runtimes.py [--quick] [--json FILE]

Models of made flights (3 categories, 11 numbers, gaps among them), packaged as a release is: converted in a process of
their own, held against the library's answers on probes with both sides of split points and unseen categories, timed
with one thread for 1, 24 and 20,000 rows. treelite, which shipworthy leaves out, is handed the numbers that a pipeline
makes, and so has less to do. docs/reference/runtimes.md shows the table that this prints.
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

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy.contract.records import Feature
from shipworthy.models.bundle import Bundle
from shipworthy.models.columns import from_arrow, schema
from shipworthy.models.converting import Facts
from shipworthy.models.equality import compare
from shipworthy.models.inside.convention import CONVERTED, EXACT
from shipworthy.models.inside.own_call import as_table, median, own_call
from shipworthy.models.packaging import package
from shipworthy.models.runtimes import load

CATEGORIES = {"carrier": 16, "origin": 3, "destination": 100}
NUMBERS = [f"number_{place}" for place in range(11)]
FEATURES = (
    *(Feature(name=name, type="category") for name in CATEGORIES),
    *(Feature(name=name, type="float", nullable=True) for name in NUMBERS),
)
TOLERANCE = 1e-5
PROBES = 1000
SIZES = {"one": 1, "tick": 24, "table": 20_000}  # rows of a call


def main() -> None:
    """Package every family, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small models")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    rows, trees = (2_000, 20) if options.quick else (50_000, 150)
    measured = [row for family, make in families(trees).items() for row in measure(family, make(), rows)]
    own = {row["family"]: row["microseconds_one"] for row in measured if row["runtime"] == OWN}
    ratios = {
        row["family"]: own[row["family"]] / row["microseconds_one"]
        for row in measured
        if row["runtime"] == f"onnx, {EXACT}" and row["microseconds_one"]
    }
    print(as_markdown(measured))
    if options.json:
        options.json.write_text(json.dumps({"rows": measured, "ratios": ratios}, indent=1))


def families(trees: int) -> dict[str, Callable[[], Any]]:
    """Name -> an untrained pipeline."""
    import catboost
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

    def worded(model: Any) -> Any:
        return Worded(model)

    sets = {"categorical_features": [0, 1, 2], "early_stopping": False}
    few = {"n_jobs": 1, "n_estimators": trees}
    cat = {"iterations": trees, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
    return {
        "HistGradientBoosting": lambda: numbered(
            ensemble.HistGradientBoostingClassifier(max_iter=trees, early_stopping=False)
        ),
        "HistGradientBoosting, category sets": lambda: numbered(
            ensemble.HistGradientBoostingClassifier(max_iter=trees, **sets)
        ),
        "LightGBM": lambda: numbered(lightgbm.LGBMClassifier(verbose=-1, **few)),
        "LightGBM, pandas categories": lambda: worded(lightgbm.LGBMClassifier(verbose=-1, **few)),
        "XGBoost": lambda: numbered(xgboost.XGBClassifier(**few)),
        "XGBoost, pandas categories": lambda: worded(xgboost.XGBClassifier(enable_categorical=True, **few)),
        "XGBoost, numbers alone": lambda: Numbers(xgboost.XGBClassifier(**few)),
        "CatBoost, words": lambda: catboost.CatBoostClassifier(cat_features=names, **cat),
        "CatBoost, numbers alone": lambda: Numbers(catboost.CatBoostClassifier(**cat)),
        "RandomForest": lambda: numbered(ensemble.RandomForestClassifier(trees, max_depth=12, random_state=0)),
        "LogisticRegression": lambda: scaled(linear_model.LogisticRegression(max_iter=300)),
        "MLP": lambda: scaled(neural_network.MLPClassifier((32,), max_iter=100, tol=1e-2, random_state=0)),
    }


class Worded:
    """Fits a booster on pandas categories."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def fit(self, frame: pd.DataFrame, late: Any) -> Any:
        """The booster itself."""
        return self._model.fit(frame.astype(dict.fromkeys(CATEGORIES, "category")), late)


class Numbers(Worded):
    """Fits a booster on the numbers."""

    def fit(self, frame: pd.DataFrame, late: Any) -> Any:
        """The booster itself."""
        return self._model.fit(frame[NUMBERS], late)


OWN = "the library's own call"


def measure(family: str, model: Any, rows: int) -> list[dict[str, Any]]:
    """One row a runtime: ours, skl2onnx's, the booster's own, treelite's, and the call that they are compared with."""
    frame, late = flights(rows, seed=0)
    model = model.fit(frame, late)
    alone = "alone" in family
    features = tuple(feature for feature in with_words(frame) if feature.type == "float" or not alone)
    table = probes().select([feature.name for feature in features])
    call = own_call(model, "classification")
    facts = Facts("flights", "classification", features, (0, 1), "late", family, "pandas")
    asked = pa.Table.from_pandas(
        flights(SIZES["table"], seed=4)[0], schema=schema(with_words(frame)), preserve_index=False
    ).select(table.column_names)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "model.pkl").write_bytes(pickle.dumps(model))
        pq.write_table(table, folder / "probes.parquet")
        np.save(folder / "probe_answers.npy", call(as_table(table, "pandas")))
        for how in (EXACT, CONVERTED):
            said = package(folder, facts, tolerance=TOLERANCE, python=Path(sys.executable), how=(how,))
            bundle = Bundle.open(folder)
            for verdict in said.runtimes:
                if verdict.name != "python" and (verdict.name == "onnx" or how == EXACT):
                    name = f"onnx, {how}" if verdict.name == "onnx" else verdict.name
                    costs = of_runtime(load(bundle, verdict.name), asked, features) if verdict.equal else {}
                    found.append(_row(family, name, verdict.equal, verdict.largest_difference, verdict.reason, costs))
    found.append(of_treelite(family, model, table, asked, call))
    costs = timed(lambda rows: call(as_table(rows, "pandas")), asked.slice)
    return [*found, _row(family, OWN, True, 0.0, "", costs)]


def of_runtime(runtime: Any, asked: pa.Table, features: tuple[Feature, ...]) -> dict[str, float]:
    """What columns cost that are at hand as a server has them."""
    columns = from_arrow(asked, features)
    return timed(runtime.predict, lambda start, rows: [column[start : start + rows] for column in columns])


def of_treelite(
    family: str, model: Any, table: pa.Table, asked: pa.Table, call: Callable[[Any], Any]
) -> dict[str, Any]:
    """Treelite's interpreter (GTIL) in double precision, over what the steps before the trees make of the rows."""
    import treelite

    steps = model[:-1] if hasattr(model, "steps") else None
    trees = model[-1] if hasattr(model, "steps") else model

    def numbers(rows: pa.Table) -> Any:
        frame = as_table(rows, "pandas")
        return np.asarray(frame if steps is None else steps.transform(frame), dtype=float)

    try:
        if hasattr(trees, "get_booster"):
            read, precision = treelite.frontend.from_xgboost(trees.get_booster()), np.float32
        elif hasattr(trees, "booster_"):
            read, precision = treelite.frontend.from_lightgbm(trees.booster_), np.float64
        else:
            read, precision = treelite.sklearn.import_model(trees), np.float64
        said = treelite.gtil.predict(read, numbers(table).astype(precision), nthread=1).reshape(table.num_rows, -1)
        compared = compare(call(as_table(table, "pandas"))[:, -1:], said[:, -1:].astype(float), TOLERANCE)
        ready = numbers(asked).astype(precision)
    except Exception as error:
        return _row(family, "treelite", False, None, f"{type(error).__name__}: {error}", {})
    if not compared.equal:
        return _row(family, "treelite", False, compared.largest_difference, compared.reason, {})
    costs = timed(lambda rows: treelite.gtil.predict(read, rows, nthread=1), lambda at, rows: ready[at : at + rows])
    return _row(family, "treelite", True, compared.largest_difference, "", costs)


def timed(predict: Callable[[Any], Any], part: Callable[[int, int], Any]) -> dict[str, float]:
    """Median microseconds of a call, by the number of its rows; `part(start, rows)` gives them."""
    times = {"one": 300, "tick": 100, "table": 5}
    return {
        size: median(predict, [part(rows * turn, rows) for turn in range(100 if rows < 1000 else 1)], times[size])
        for size, rows in SIZES.items()
    }


def _row(
    family: str, runtime: str, equal: bool, far: float | None, reason: str, costs: dict[str, float]
) -> dict[str, Any]:
    return {
        "family": family,
        "runtime": runtime,
        "equal": equal,
        "largest_difference": far,
        "reason": reason,
        **{f"microseconds_{size}": costs.get(size) for size in SIZES},
    }


def with_words(frame: pd.DataFrame) -> tuple[Feature, ...]:
    """The features, with the words that training has seen."""
    return tuple(
        msgspec.structs.replace(each, values=tuple(sorted(frame[each.name].unique())))
        if each.type == "category"
        else each
        for each in FEATURES
    )


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


def probes() -> pa.Table:
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
        "| family | runtime | equal | largest difference | 1 row, µs | 24 rows, µs | 20,000 rows, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        far = "–" if row["largest_difference"] is None else f"{row['largest_difference']:.1g}"
        equal = "yes" if row["equal"] else "**no**" if far != "–" else "not made"
        table = row["microseconds_table"]
        costs = [_figure(row["microseconds_one"]), _figure(row["microseconds_tick"]), _figure(table and table / 1000)]
        lines.append(f"| {' | '.join([row['family'], row['runtime'], equal, far, *costs])} |")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
