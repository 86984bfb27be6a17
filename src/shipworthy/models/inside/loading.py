"""A user's own model file, loaded by the library that wrote it; `models.formats` names the formats."""

from __future__ import annotations

import importlib
import pickle  # noqa: TID251
from pathlib import Path
from typing import Any


def load(path: Path, kind: str) -> Any:
    """The model in a file."""
    return _LOADERS[kind](path)


def _pickled(path: Path) -> Any:
    """Joblib reads plain pickles too, and what it has compressed or written beside them."""
    try:
        joblib = importlib.import_module("joblib")
    except ImportError:
        with path.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301
    return joblib.load(path)


def _skops(path: Path) -> Any:
    """This process may run what the file says, so that all of its types are trusted."""
    skops = importlib.import_module("skops.io")
    return skops.load(path, trusted=skops.get_untrusted_types(file=path))


def _lightgbm(path: Path) -> Any:
    return importlib.import_module("lightgbm").Booster(model_file=str(path))


def _xgboost(path: Path) -> Any:
    """As the scikit-learn wrapper, which takes tables and gives probabilities."""
    xgboost = importlib.import_module("xgboost")
    json = importlib.import_module("json")
    booster = xgboost.Booster(model_file=str(path))
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    classifies = objective.startswith(("binary:", "multi:"))
    model = xgboost.XGBClassifier() if classifies else xgboost.XGBRegressor()
    model.load_model(str(path))
    return model


def _catboost(path: Path) -> Any:
    catboost = importlib.import_module("catboost")
    model = catboost.CatBoost()
    model.load_model(str(path))
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    classifies = loss in ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")
    found = catboost.CatBoostClassifier() if classifies else catboost.CatBoostRegressor()
    found.load_model(str(path))
    return found


def _torch(path: Path) -> Any:
    from shipworthy.models.inside.exported import Exported  # noqa: PLC0415 - needs NumPy, which may be what is missing

    return Exported(path.read_bytes())


_LOADERS = {
    "pickle": _pickled,
    "skops": _skops,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "torch": _torch,
}
