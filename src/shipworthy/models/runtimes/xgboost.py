"""XGBoost's own call on its own format, without a DMatrix; XGBoost has to be installed where shipworthy runs."""

from __future__ import annotations

import numpy as np

from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.bundle import Bundle
from shipworthy.models.inside.order import places
from shipworthy.models.records import Answers, Columns, RuntimeName
from shipworthy.models.runtimes import FILES
from shipworthy.models.runtimes.rows import as_numbers, both, in_order


class XgboostRuntime:
    """A booster over numeric features, one thread."""

    name: RuntimeName = "xgboost"

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.folder / FILES["xgboost"]
        if not path.is_file():
            raise NotFound(f"{bundle.folder} has no {FILES['xgboost']}: the model is no XGBoost booster")
        try:
            import xgboost  # noqa: PLC0415 - an extra
        except ImportError:
            raise WrongUse(
                "XGBoost is not installed where shipworthy runs: pip install 'shipworthy[boosters]'"
            ) from None
        self._booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(path.read_bytes()))
        trained = self._booster.feature_names or ()
        self._places = places(trained, [each.name for each in bundle.description.features])
        self._classes = len(bundle.description.classes)

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows."""
        rows = in_order(as_numbers(columns), self._places).astype(np.float32)
        said = np.asarray(self._booster.inplace_predict(rows, validate_features=False), dtype=np.float64)
        said = said.reshape(len(rows), -1)
        return Answers(both(said) if self._classes == 2 else said)  # a binary booster says the second class alone
