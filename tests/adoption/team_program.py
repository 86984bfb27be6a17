"""A team that trains, logs and registers models with MLflow alone: `python team_program.py STORE [KIND …]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FULL = ["distance", "hour", "carrier"]


def trained(rows: Any = None) -> Pipeline:
    """A pipeline over a table with a category; over all flights, if no rows are given."""
    from adoption.conftest import flights  # noqa: PLC0415 - the program below puts its folder on the path first

    rows = flights() if rows is None else rows
    columns = make_column_transformer((OneHotEncoder(), ["carrier"]), (StandardScaler(), ["distance", "hour"]))
    return make_pipeline(columns, LogisticRegression(C=0.5)).fit(rows[FULL], rows.late)


def numeric(kind: str) -> Pipeline:
    """A small model of two numbers: "good"; "other", of fewer rows; or "worse", which has learnt nothing."""
    from adoption.conftest import flights  # noqa: PLC0415 - as above

    rows = flights()[: 1200 if kind == "other" else None]
    late = rows.late.sample(frac=1.0, random_state=0).to_numpy() if kind == "worse" else rows.late
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(rows[["distance", "hour"]], late)


def log(store: str, kinds: Sequence[str]) -> None:
    """A run and a registered version for each, the newest with an alias, in a store of this folder; without kinds, the
    pipeline over all.
    """
    import mlflow  # noqa: PLC0415 - slow, and tests need it in a process of its own
    from adoption.conftest import flights  # noqa: PLC0415

    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    place = Path("artifacts").resolve().as_uri()
    known = mlflow.get_experiment_by_name("late")
    experiment = known.experiment_id if known else mlflow.create_experiment("late", artifact_location=place)
    tags = {"mlflow.source.git.commit": "c0ffee" * 6 + "c0ff", "mlflow.source.name": "train.py"}
    for kind in kinds or [""]:
        with mlflow.start_run(experiment_id=experiment, tags=tags):
            mlflow.log_param("C", 0.5)
            data = mlflow.data.from_pandas(flights(), source="data/flights.parquet", name="flights")
            mlflow.log_input(data, context="training")
            mlflow.sklearn.log_model(
                numeric(kind) if kind else trained(),
                name="model",
                input_example=flights()[["distance", "hour"] if kind else FULL].head(20),
                registered_model_name="late",
                serialization_format="cloudpickle",
            )
    client = mlflow.MlflowClient(store, store)
    newest = max(int(version.version) for version in client.search_model_versions("name='late'"))
    client.set_registered_model_alias("late", "champion", str(newest))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    log(sys.argv[1], sys.argv[2:])
