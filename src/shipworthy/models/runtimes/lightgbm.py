"""LightGBM's own call on its own text format; LightGBM has to be installed where shipworthy runs."""

from __future__ import annotations

import numpy as np

from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.bundle import Bundle
from shipworthy.models.inside.order import places
from shipworthy.models.records import Answers, Columns, RuntimeName
from shipworthy.models.runtimes import FILES
from shipworthy.models.runtimes.rows import as_numbers, both, in_order


class LightGbmRuntime:
    """A booster over numeric features, one thread."""

    name: RuntimeName = "lightgbm"

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.folder / FILES["lightgbm"]
        if not path.is_file():
            raise NotFound(f"{bundle.folder} has no {FILES['lightgbm']}: the model is no LightGBM booster")
        try:
            import lightgbm  # noqa: PLC0415 - an extra
        except ImportError:
            raise WrongUse(
                "LightGBM is not installed where shipworthy runs: pip install 'shipworthy[boosters]'"
            ) from None
        self._booster = lightgbm.Booster(model_str=path.read_text())
        self._places = places(self._booster.feature_name(), [each.name for each in bundle.description.features])
        self._classes = len(bundle.description.classes)

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows."""
        rows = in_order(as_numbers(columns), self._places)
        said = np.asarray(self._booster.predict(rows, num_threads=1), dtype=np.float64).reshape(len(rows), -1)
        return Answers(both(said) if self._classes == 2 else said)  # a binary booster says the second class alone
