"""A team that trains, logs and registers a model with MLflow alone: `python team_program.py STORE`."""

from __future__ import annotations

import sys
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


def log(store: str) -> None:
    """One run and one registered version with an alias, in a store of this folder."""
    import mlflow  # noqa: PLC0415 - slow, and tests need it in a process of its own
    from adoption.conftest import flights  # noqa: PLC0415

    mlflow.set_tracking_uri(store)
    mlflow.set_registry_uri(store)
    experiment = mlflow.create_experiment("late", artifact_location=Path("artifacts").resolve().as_uri())
    tags = {"mlflow.source.git.commit": "c0ffee" * 6 + "c0ff", "mlflow.source.name": "train.py"}
    with mlflow.start_run(experiment_id=experiment, tags=tags):
        mlflow.log_param("C", 0.5)
        data = mlflow.data.from_pandas(flights(), source="data/flights.parquet", name="flights")
        mlflow.log_input(data, context="training")
        mlflow.sklearn.log_model(
            trained(),
            name="model",
            input_example=flights()[FULL].head(20),
            registered_model_name="late",
            serialization_format="cloudpickle",
        )
    mlflow.MlflowClient(store, store).set_registered_model_alias("late", "champion", "1")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    log(sys.argv[1])
