"""Boosters that were trained on pandas categories, and know each category's words in its order.

They are asked with frames in which a category is text. LightGBM wants the pandas type back and then goes by its own
words; XGBoost does so from 3.1 on, and goes by the frame's order before. Handed over with the model's own words, both
answer alike for a frame and for each row of it, and a word that is not among them is a missing value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def words(model: Any) -> list[list[Any]]:
    """Of each pandas category that a booster was trained on, in their order; [] where there were none."""
    module = type(model).__module__.partition(".")[0]
    if module == "lightgbm":
        return list(getattr(getattr(model, "booster_", model), "pandas_categorical", None) or ())
    booster = model.get_booster() if module == "xgboost" and hasattr(model, "get_booster") else None
    if booster is None or not hasattr(booster, "get_categories"):
        return []
    kept = booster.get_categories(export_to_arrow=True).to_arrow()
    return [column.to_pylist() for _, column in kept or () if column is not None]


def with_words(model: Any, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The call of such a booster, for frames whose categories are texts; any other's as it is."""
    known = words(model)
    if not known:
        return call

    def ask(table: Any) -> Any:
        return call(_typed(table, known))

    return ask


def _typed(table: Any, known: list[list[Any]]) -> Any:
    """The frame with its texts, column by column, as categories of the words that the model knows in that place."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(table, pandas.DataFrame):
        return table
    is_number = pandas.api.types.is_numeric_dtype
    texts = [name for name in table.columns if not is_number(table[name].dtype)]
    if len(texts) != len(known):  # the library says what it makes of that
        return table
    typed = {}
    for name, own in zip(texts, known, strict=True):
        codes = pandas.Index(own).get_indexer(table[name])
        typed[name] = pandas.Categorical.from_codes(codes, categories=own)
    return table.assign(**typed)
