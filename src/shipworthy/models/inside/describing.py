"""What a loaded model says about itself: its task, its inputs, its parameters and seeds, and the packages it needs."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import math
import re
import sys
from typing import Any

_MADE_UP = re.compile(r"(Column_|f|x)?\d+")  # names that libraries give to columns of an array
_SEEDS = ("random_state", "random_seed", "seed")
_BOOSTERS = ("catboost", "lightgbm", "xgboost")
_LIGHTGBM_CLASSES = {"binary": 2, "cross_entropy": 2}


def describe(model: Any) -> dict[str, Any]:
    """As the fields of models.adopting.Described, less what only loading can tell."""
    classes = _classes(model)
    names, inputs = _inputs(model)
    parameters = _parameters(model)
    return {
        "family": getattr(model, "exported_from", f"{type(model).__module__}.{type(model).__qualname__}"),
        "task": "classification" if classes is not None else "regression",
        "classes": classes or [],
        "names": names,
        "inputs": inputs,
        "table": _table(names),
        "parameters": {name: value for name, value in parameters.items() if _is_plain(value)},
        "seeds": _seeds(model, parameters),
    }


def distributions() -> list[str]:
    """The distributions that whatever was imported came from."""
    imported = {name.partition(".")[0] for name in sys.modules}
    owners = importlib.metadata.packages_distributions()
    return sorted({owner for name in imported & owners.keys() for owner in owners[name]})


def _classes(model: Any) -> list[Any] | None:
    """None for a regression. A booster's own file does not name its classes: they are 0, 1, … then."""
    own = getattr(model, "classes_", None)
    if own is not None and len(own):
        return [value.item() if hasattr(value, "item") else value for value in own]
    if type(model).__module__.startswith("lightgbm") and hasattr(model, "dump_model"):
        objective = model.dump_model(num_iteration=1).get("objective", "").split()
        if not objective:
            return None
        settings = dict(part.partition(":")[::2] for part in objective[1:])
        count = _LIGHTGBM_CLASSES.get(objective[0]) or int(settings.get("num_class", 0))
        return list(range(count)) if count else None
    if hasattr(model, "predict_proba"):
        raise TypeError(
            f"the model, a {type(model).__qualname__}, gives probabilities and has no classes_, so that nobody knows "
            "whose they are; give it the attribute"
        )
    return None


def _inputs(model: Any) -> tuple[list[str], int | None]:
    """The names of what it was trained on, [] where nobody gave any, and how many there are."""
    found = getattr(model, "feature_names_in_", None)
    count = getattr(model, "n_features_in_", None)
    if found is None and hasattr(model, "get_booster"):
        found = model.get_booster().feature_names
    if found is None and callable(getattr(model, "feature_name", None)):
        found, count = model.feature_name(), model.num_feature()
    if found is None and hasattr(model, "feature_names_"):
        found = model.feature_names_
    names = [str(name) for name in (found if found is not None else ())]
    if not names and hasattr(model, "get_booster"):
        count = model.get_booster().num_features()
    count = len(names) if names else count
    if all(_MADE_UP.fullmatch(name) for name in names):
        names = []
    return names, None if count is None else int(count)


def _table(names: list[str]) -> str:
    """What it is handed rows in. Without names it was trained on an array."""
    if names:
        for kind in ("pandas", "polars"):
            if importlib.util.find_spec(kind):
                return kind
    return "numpy"


def _parameters(model: Any) -> dict[str, Any]:
    for read in (_of_lightgbm, _of_catboost, _of_scikit_learn):
        try:
            found = read(model)
        except Exception:
            continue
        if found:
            return found
    return {}


def _of_scikit_learn(model: Any) -> dict[str, Any]:
    return dict(model.get_params(deep=True))


def _of_catboost(model: Any) -> dict[str, Any]:
    return dict(model.get_all_params()) if hasattr(model, "get_all_params") else {}


def _of_lightgbm(model: Any) -> dict[str, Any]:
    """A booster's file ends with what it was trained with: [learning_rate: 0.1] on a line each."""
    if not (type(model).__module__.startswith("lightgbm") and hasattr(model, "feature_name")):
        return {}
    if not callable(model.feature_name):  # the scikit-learn wrapper has its own
        return {}
    text = model.model_to_string(num_iteration=1).partition("\nparameters:")[2]
    return {name: _typed(value) for name, value in re.findall(r"^\[(\w+): (.+)\]$", text, re.MULTILINE)}


def _is_plain(value: Any) -> bool:
    """What JSON can hold; XGBoost's marker of a missing value is NaN."""
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def _typed(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _seeds(model: Any, parameters: dict[str, Any]) -> dict[str, str | None]:
    """Parameter -> its value; None where it was left open. Boosters fall back to a seed that is always the same."""
    found: dict[str, str | None] = {}
    for name, value in parameters.items():
        owner, _, last = name.rpartition("__")
        library = type(parameters.get(owner, model) if owner else model).__module__.partition(".")[0]
        if last in _SEEDS and not (value is None and library in _BOOSTERS):
            found[name] = str(value) if isinstance(value, int) else None if value is None else type(value).__name__
    return found
