"""Ways to train that a user might have: each takes another kind of table, and returns another kind of model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

NUMBERS = ["distance", "stops", "wind"]


def logistic(flights: pd.DataFrame, parameters: dict, seed: int):
    """A pipeline on pandas, with metrics returned and logged."""
    import shipworthy_run  # noqa: PLC0415 - exists while shipworthy trains

    shipworthy_run.log_metric("rows", len(flights))
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
    )
    model = make_pipeline(prepare, LogisticRegression(C=parameters["c"], random_state=seed))
    model.fit(flights, flights["late"])
    return model, {"accuracy": model.score(flights, flights["late"])}


def forest(flights: pa.Table, parameters: dict, seed: int):
    """A forest on an Arrow table, whose annotation exists for type checking only."""
    model = RandomForestClassifier(20, max_depth=4, n_jobs=-1, random_state=seed)
    return ArrowModel(model, NUMBERS).fit(flights)


class ArrowModel:
    """A model of the project's own, which needs this file to be read back."""

    def __init__(self, model, columns):
        self.model, self.columns = model, columns

    def fit(self, table):
        self.model.fit(self._matrix(table), table["late"].to_pylist())
        self.classes_ = self.model.classes_
        return self

    def predict_proba(self, table):
        return self.model.predict_proba(self._matrix(table))

    def _matrix(self, table):
        return np.column_stack([np.nan_to_num(table[name].to_numpy()) for name in self.columns])


def boosting(flights: pl.DataFrame, parameters: dict, seed: int):
    """Histogram boosting in a pipeline, on polars."""
    prepare = make_column_transformer(
        ("passthrough", NUMBERS),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["carrier"]),
    )
    model = make_pipeline(prepare, HistGradientBoostingClassifier(max_iter=10, random_state=seed))
    return model.fit(flights, flights["late"].to_numpy())


def trees(flights: pd.DataFrame, parameters: dict, seed: int):
    """A plain forest on the numbers: its splits are splits of features."""
    prepare = make_column_transformer((SimpleImputer(strategy="constant", fill_value=-1.0), NUMBERS))
    return make_pipeline(prepare, RandomForestClassifier(10, random_state=seed)).fit(flights, flights["late"])


def lightgbm(flights: pd.DataFrame, parameters: dict, seed: int):
    """A booster without classes_, asked with all the features it was given."""
    import lightgbm as library  # noqa: PLC0415 - the name is taken

    columns = [name for name in flights.columns if name not in ("late", "day", "carrier")]
    data = library.Dataset(flights[columns], label=flights["late"].astype(int))
    settings = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 5, "seed": seed}
    return Numeric(library.train(settings, data, 10), columns)


class Numeric:
    def __init__(self, booster, columns):
        self.booster, self.columns = booster, columns

    def predict(self, table):
        return self.booster.predict(table[self.columns])


def regression(flights: pd.DataFrame, weather: pd.DataFrame, parameters: dict, seed: int):
    """A regression with a second source, which must not reach past the end of history."""
    assert weather["day"].max() <= flights["day"].max()
    prepare = make_column_transformer((SimpleImputer(strategy="constant", fill_value=-1.0), NUMBERS))
    return make_pipeline(prepare, RandomForestRegressor(5, random_state=seed)).fit(flights, flights["distance"])


def unseeded(flights: pd.DataFrame, parameters: dict, seed: int):
    """Shuffles by a generator that nobody seeded."""
    shuffled = flights.sample(frac=0.7, random_state=np.random.default_rng())
    return trees(shuffled, parameters, seed)


def failing(flights: pd.DataFrame, parameters: dict, seed: int):
    """Fails in the user's own code, below a library's."""
    print("before the failure")  # noqa: T201
    return flights.groupby("carrier")[["distance"]].apply(_broken)


def _broken(group):
    raise RuntimeError(f"no idea what to do with {len(group)} rows")


def narrow(flights: pd.DataFrame, parameters: dict, seed: int):
    """Takes no unseen carrier, although the contract allows one."""
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["carrier"])), LogisticRegression())
    return model.fit(flights, flights["late"])
