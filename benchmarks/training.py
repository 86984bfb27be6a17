"""What shipworthy adds to a training: a run against the bare script that reads, trains and pickles the same.

    python benchmarks/training.py [--quick] [--json FILE]

Both in the environment of tests/environments/requirements.lock, built before anything is timed, with one thread. The
run reads and pins the data, checks it against the contract, keeps code and data as objects, answers probes and
holdout, and is recorded; conversion and the monitoring reference are not in it. Each is the best of several turns,
taken by turns. The run is made with its sandbox and without.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy.contract.records import Contract, DataSource, Feature, Model, Purpose, Retraining
from shipworthy.environments import builder, execution
from shipworthy.registry.signing import signing_key
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.training.making import State
from shipworthy.training.trainer import train

LOCK = Path(__file__).parents[1] / "tests" / "environments" / "requirements.lock"
NUMBERS = [f"number_{place}" for place in range(17)]
RECIPE = """
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

CATEGORIES = ["carrier", "origin", "destination"]


def train(rows: pd.DataFrame, parameters, seed):
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer((ordinal, CATEGORIES), remainder="passthrough")
    features = rows.drop(columns=["late", "day"])
    model = make_pipeline(prepare, HistGradientBoostingClassifier(max_iter=parameters["rounds"], random_state=seed))
    return model.fit(features, rows["late"])
"""
BARE = """
import pickle
import pandas as pd
from recipe import train

rows = pd.read_parquet("data/rows.parquet").sort_values("day")
rows = rows[rows["day"] < rows["day"].max() - pd.Timedelta(days=14)]
with open("model.pkl", "wb") as stream:
    pickle.dump(train(rows, {"rounds": ROUNDS}, 0), stream)
"""


def main() -> None:
    """Time both by turns, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows, fewer turns")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    arguments = parser.parse_args()
    rows, rounds, turns = (30_000, 20, 1) if arguments.quick else (300_000, 100, 3)
    with tempfile.TemporaryDirectory() as folder:
        bare, run, open_run = measured(Path(folder), rows, rounds, turns)
    print(
        f"{rows:,} rows, {rounds} rounds: bare script {bare:.2f} s, run {run:.2f} s, {run - bare:+.2f} s, "
        f"{run - open_run:+.2f} s of it by the sandbox"
    )
    figures = {
        "rows": [{"rows": rows, "rounds": rounds, "bare_s": bare, "run_s": run, "run_without_sandbox_s": open_run}],
        "ratios": {"run_of_bare": run / bare, "run_less_a_second_of_bare": (run - 1) / bare},
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


def measured(folder: Path, rows: int, rounds: int, turns: int) -> tuple[float, float, float]:
    """Best seconds of the bare script, of a run, and of a run without its sandbox."""
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "requirements.lock").write_bytes(LOCK.read_bytes())
    (folder / "data").mkdir()
    pq.write_table(made(rows), folder / "data" / "rows.parquet")
    (folder / "bare.txt").write_text(BARE.replace("ROUNDS", str(rounds)))
    layout = Layout(folder)
    prepare(layout)
    state = State(layout, Ledger(layout.ledger_url), Objects(layout.objects), lambda: signing_key(layout.state))
    python = builder.interpreter(builder.build(folder / "requirements.lock"))
    bare_script(folder, python)  # its imports are compiled, and its files are in memory, from here on
    run(state, rounds)  # which keeps what it compiles elsewhere
    found = [(bare_script(folder, python), run(state, rounds), run(state, rounds, sandbox="off")) for _ in range(turns)]
    state.ledger.close()
    bare, closed, opened = (min(column) for column in zip(*found, strict=True))
    return bare, closed, opened


def bare_script(folder: Path, python: Path) -> float:
    """Seconds of the script alone."""
    variables = {**os.environ, **execution.variables(1)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    code = "import sys; sys.path.insert(0, '.'); exec(open('bare.txt').read())"
    subprocess.run([python, "-c", code], cwd=folder, env=variables, check=True)
    return time.perf_counter() - start


def run(state: State, rounds: int, sandbox: Literal["on", "off"] = "on") -> float:
    """Seconds of a run, from the call to its record."""
    start = time.perf_counter()
    train(contract(rounds, sandbox), state, lambda trained: None, lambda trained: None)
    return time.perf_counter() - start


def contract(rounds: int, sandbox: Literal["on", "off"]) -> Contract:
    """What the run is made by."""
    categories = ("carrier", "origin", "destination")
    return Contract(
        model=Model(name="made", task="classification", train="recipe:train", sandbox=sandbox),
        purpose=Purpose(decision="measure", owner="nobody"),
        features=(
            *(Feature(name=name, type="category") for name in categories),
            *(Feature(name=name, type="float") for name in NUMBERS),
        ),
        parameters={"rounds": rounds},
        data=(DataSource(name="rows", kind="file", location="data/rows.parquet", target="late", time="day"),),
        retraining=Retraining(holdout=14 * 86_400_000_000_000),
    )


def made(rows: int) -> pa.Table:
    """Rows over a year: 3 categories, 17 numbers, a label that some of them tell."""
    random = np.random.default_rng(0)
    numbers = {name: random.normal(size=rows) for name in NUMBERS}
    signal = numbers["number_0"] + numbers["number_1"] * numbers["number_2"] + random.normal(size=rows)
    day = np.sort(random.integers(0, 365 * 86_400_000_000, rows))
    words = {
        name: np.array([f"{name} {place}" for place in range(count)])[random.integers(0, count, rows)]
        for name, count in (("carrier", 16), ("origin", 3), ("destination", 100))
    }
    return pa.table({**words, **numbers, "late": signal > 0, "day": pa.array(day).cast(pa.timestamp("us"))})


if __name__ == "__main__":
    sys.exit(main())
