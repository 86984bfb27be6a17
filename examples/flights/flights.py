"""Will this flight arrive more than 15 minutes late? Trained on what was known an hour before each departure."""

import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

NAMES = ["carrier", "origin", "dest"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
NUMBERS = ["hour", "weekday", "distance", *WEATHER, "late_now"]


def train(flights: pl.DataFrame, parameters: dict, seed: int) -> Pipeline:
    """Boosted trees on the numbers, and on the names as numbers; -1 stands for a name that was never seen.

    `scheduled_departure` says when a flight is and is left out: a model that knows the date learns the season by heart.
    """
    names = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    inputs = ColumnTransformer([("names", names, NAMES), ("numbers", "passthrough", NUMBERS)])
    trees = HistGradientBoostingClassifier(**parameters, early_stopping=False, random_state=seed)
    model = Pipeline([("inputs", inputs), ("trees", trees)])
    return model.fit(flights.drop("id", "late"), flights["late"].to_numpy())
