"""CatBoost's own call on its own format; CatBoost has to be installed where shipworthy runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.bundle import Bundle
from shipworthy.models.inside.order import places
from shipworthy.models.records import NUMERIC, Answers, Columns, RuntimeName
from shipworthy.models.runtimes import FILES
from shipworthy.models.runtimes.rows import as_numbers, as_objects, in_order


class CatBoostRuntime:
    """A model over numbers and categories, one thread."""

    name: RuntimeName = "catboost"

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.folder / FILES["catboost"]
        if not path.is_file():
            raise NotFound(f"{bundle.folder} has no {FILES['catboost']}: the model is no CatBoost model")
        try:
            import catboost  # noqa: PLC0415 - an extra
        except ImportError:
            raise WrongUse(
                "CatBoost is not installed where shipworthy runs: pip install 'shipworthy[boosters]'"
            ) from None
        classifies = bundle.description.task == "classification"
        model: Any = catboost.CatBoostClassifier() if classifies else catboost.CatBoostRegressor()
        model.load_model(blob=path.read_bytes())
        self._places = places(model.feature_names_ or (), [each.name for each in bundle.description.features])
        self._ask: Callable[..., Any] = model.predict_proba if classifies else model.predict
        numbers = all(feature.type in NUMERIC for feature in bundle.description.features)
        self._rows: Callable[[Columns], Any] = as_numbers if numbers else as_objects

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows."""
        rows = in_order(self._rows(columns), self._places)
        said = np.asarray(self._ask(rows, thread_count=1), dtype=np.float64)
        return Answers(said.reshape(len(rows), -1))
