"""Columns in the order that a model was trained on them, which need not be the contract's.

LightGBM, and pipelines whose first step does not look, take columns by their place, whatever they are called: asked in
another order they answer as if nothing were wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def trained_on(model: Any) -> list[str]:
    """The names of the columns that a model was trained on, in its order; [] where it knows none."""
    found = getattr(model, "feature_names_in_", None)
    if found is None and callable(getattr(model, "feature_name", None)):
        found = model.feature_name()
    if found is None and hasattr(model, "get_booster"):
        found = model.get_booster().feature_names
    if found is None:
        found = getattr(model, "feature_names_", None)
    if found is None and getattr(model, "steps", None):
        return trained_on(model.steps[-1][1])
    return [str(name) for name in (found if found is not None else ())]


def places(trained: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """Where among `names` each column of the model's lies; None where they are in its order already, or other ones.

    LightGBM writes an underscore for a space.
    """
    for known in ({name: place for place, name in enumerate(names)}, {_plain(name): i for i, name in enumerate(names)}):
        if len(known) == len(names) == len(trained) and set(trained) == known.keys():
            found = [known[name] for name in trained]
            return None if found == list(range(len(names))) else found
    return None


def in_own_order(model: Any, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model's call, for tables whose columns have names and any order."""
    trained = trained_on(model)
    if not trained:
        return call

    def ask(table: Any) -> Any:
        return call(reordered(trained, table))

    return ask


def reordered(trained: Sequence[str], table: Any) -> Any:
    """The table (pandas, polars, Arrow) with its columns in that order, where they are these; an array as it is."""
    names = getattr(table, "column_names", None)
    if names is None:
        names = getattr(table, "columns", None)
    if names is None or (found := places(trained, [str(name) for name in names])) is None:
        return table
    chosen = [list(names)[place] for place in found]
    return table.select(chosen) if hasattr(table, "select") else table[chosen]


def _plain(name: str) -> str:
    return "_".join(name.split(" "))
