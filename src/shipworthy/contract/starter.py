"""A first `train.py` for a proposed contract: a working scikit-learn model, to be replaced by the user's own. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from shipworthy.contract.study import Study

Frame = Literal["pandas", "polars"]

_ALIASES: dict[Frame, str] = {"pandas": "pd", "polars": "pl"}


def starter(study: Study, *, data: str, frame: Frame = "pandas") -> str:
    """The text of `train.py`; `data` is the name of its argument, `frame` the kind of table that it takes."""
    alias = _ALIASES[frame]
    kind = "Classifier" if study.classes else "Regressor"
    names = [feature.name for feature in study.features if feature.type == "category"]
    numbers = [feature.name for feature in study.features if feature.type != "category"]
    parts = [
        *(['("names", names, NAMES)'] if names else []),
        *(['("numbers", "passthrough", NUMBERS)'] if numbers else []),
    ]
    also = " on the numbers, and on the names as numbers" if names and numbers else ""
    preprocessing = "from sklearn.preprocessing import OrdinalEncoder\n" if names else ""
    encoder = '    names = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)  # -1: never seen\n'
    return f'''"""Trains the model that shipworthy.toml promises. Any library will do: `train` is what counts."""

import {frame} as {alias}
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoosting{kind}
from sklearn.pipeline import Pipeline
{preprocessing}
{_listed("NAMES", names)}{_listed("NUMBERS", numbers)}TARGET = {_text(study.target)}


def train({data}: {alias}.DataFrame, parameters: dict, seed: int) -> Pipeline:
    """Boosted trees{also}.

    Return anything with `predict`, and with `predict_proba` for a classification. Take all randomness from `seed`:
    the model is trained a second time before its release, and has to come out the same.
    """
{encoder if names else ""}    inputs = ColumnTransformer([{", ".join(parts)}])
    trees = HistGradientBoosting{kind}(**parameters, random_state=seed)
    model = Pipeline([("inputs", inputs), ("trees", trees)])
    return model.fit({data}[{" + ".join(_used(names, numbers))}], {data}[TARGET].to_numpy())
'''


def _used(names: list[str], numbers: list[str]) -> Iterable[str]:
    return [name for name, columns in (("NAMES", names), ("NUMBERS", numbers)) if columns]


def _listed(name: str, columns: list[str]) -> str:
    """An assignment of a list, one column a line where they do not fit on one."""
    if not columns:
        return ""
    line = f"{name} = [{', '.join(_text(column) for column in columns)}]\n"
    if len(line) <= 100:
        return line
    return f"{name} = [\n" + "".join(f"    {_text(column)},\n" for column in columns) + "]\n"


def _text(value: str) -> str:
    """A Python literal in double quotes where that needs no escape."""
    return f'"{value}"' if value.isprintable() and '"' not in value and "\\" not in value else repr(value)
