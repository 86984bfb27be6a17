"""How far will the disease have gone in a year? A ridge regression on ten measurements."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TARGET = "progression"


def train(patients: pd.DataFrame, parameters: dict) -> Pipeline:
    """The fitted pipeline. It draws nothing at random, so it takes no seed."""
    measured = patients.drop(columns=TARGET)
    numbers = list(measured.columns.drop("sex"))
    inputs = ColumnTransformer([("sex", OneHotEncoder(), ["sex"]), ("numbers", StandardScaler(), numbers)])
    return Pipeline([("inputs", inputs), ("ridge", Ridge(**parameters))]).fit(measured, patients[TARGET])
