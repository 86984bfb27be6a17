"""A small world in hours: valves that burst under pressure, and truths that come back an hour later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

START = datetime(2024, 1, 1, tzinfo=UTC)
BEFORE = 60  # hours that the first model learns from
CHANGE = 64  # the hour in which the world changes
END = 120  # when all that a second model learns from is of the changed world
ROWS = 100  # an hour
MODEL = "valves"

CONTRACT = """
[model]
name = "valves"
task = "classification"
train = "train:train"
environment = "requirements.lock"
seed = 1
[purpose]
decision = "which valves to close"
owner = "plant@example.com"
[parameters]
c = 1.0
[data.valves]
source = "delta:data/valves"
target = "burst"
time = "at"
[labels]
source = "delta:data/outcomes"
key = "id"
target = "burst"
time = "known_at"
[features]
at = { type = "timestamp" }
pressure = { type = "float", min = -20, max = 20 }
site = { type = "category", values = ["north", "south"], unknown = "refuse" }
[serving]
p99_ms = 500
rate = 500
event_time = "at"
[recording]
commit_every = "1s"
[monitoring]
window = "1h"
lateness = "1h"
[retraining]
on = ["drift"]
history = "48h"
holdout = "8h"
wait = "30d"
[gate]
metric = "auc"
"""
TRAIN = '''"""Will a valve burst within the hour?"""

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def train(valves: pd.DataFrame, parameters: dict):
    """Linear in the pressure, with a term a site."""
    inputs = make_column_transformer((StandardScaler(), ["pressure"]), (OneHotEncoder(), ["site"]))
    return make_pipeline(inputs, LogisticRegression(C=parameters["c"])).fit(valves, valves["burst"])
'''


def hour(number: int) -> list[dict[str, Any]]:
    """What was seen of each valve in an hour, and whether it burst: later, it is the low pressure that does it."""
    draw = np.random.default_rng([number, 7])
    changed = number >= CHANGE
    pressure = draw.normal(2.0 if changed else 0.0, 1.0, ROWS)
    south = draw.random(ROWS) < 0.4
    strain = (2.0 - pressure if changed else pressure) + 0.5 * south
    burst = draw.random(ROWS) < 1 / (1 + np.exp(-2 * strain))
    return [
        {
            "id": f"{number}-{place}",
            "at": START + timedelta(hours=number, minutes=0.5 * place),
            "pressure": float(pressure[place]),
            "site": "south" if south[place] else "north",
            "burst": bool(burst[place]),
        }
        for place in range(ROWS)
    ]


def tell(project: Path, hours: list[list[dict[str, Any]]]) -> None:
    """What became of the valves, to those who train and to those who watch."""
    table = pa.Table.from_pylist([row for rows in hours for row in rows])
    write_deltalake(project / "data" / "valves", table.drop_columns(["id"]), mode="append")
    known = pa.array([moment + timedelta(hours=1) for moment in table["at"].to_pylist()])
    write_deltalake(
        project / "data" / "outcomes", table.select(["id", "burst"]).append_column("known_at", known), mode="append"
    )


def bodies(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A request for predictions of rows."""
    asked = [{"at": row["at"].isoformat(), "pressure": row["pressure"], "site": row["site"]} for row in rows]
    return {"rows": asked, "ids": [row["id"] for row in rows]}
