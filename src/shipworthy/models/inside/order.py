"""The columns that a model was trained on, in its order: they need not be all of the contract's, nor in its order.

LightGBM, and pipelines whose first step does not look, take columns by their place, whatever they are called: asked in
another order they answer as if nothing were wrong. A feature that only says when a row belongs is in the contract, and
in no model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def trained_on(model: Any) -> list[str]:
    """The names of the columns that a model was trained on, in its order; [] where it knows none.

    Of a pipeline whose first step does not look, those of its last step.
    """
    if (found := _own_names(model)) or not getattr(model, "steps", None):
        return found
    return trained_on(model.steps[-1][1])


def _own_names(model: Any) -> list[str]:
    found = getattr(model, "feature_names_in_", None)
    if found is None and callable(getattr(model, "feature_name", None)):
        found = model.feature_name()
    if found is None and hasattr(model, "get_booster"):
        found = model.get_booster().feature_names
    if found is None:
        found = getattr(model, "feature_names_", None)
    return [str(name) for name in (found if found is not None else ())]


def places(trained: Sequence[str], names: Sequence[str]) -> list[int] | None:
    """Where among `names` each column of the model's lies; None where they are its own already, or other ones.

    LightGBM writes an underscore for a space.
    """
    for known in ({name: place for place, name in enumerate(names)}, {_plain(name): i for i, name in enumerate(names)}):
        if trained and len(known) == len(names) and len(set(trained)) == len(trained) and set(trained) <= known.keys():
            found = [known[name] for name in trained]
            return None if found == list(range(len(names))) else found
    return None


def in_own_order(model: Any, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A model's call, for tables whose columns have names and any order."""
    if not trained_on(model):
        return call

    def ask(table: Any) -> Any:
        return call(own_columns(model, table))

    return ask


def own_columns(model: Any, table: Any) -> Any:
    """The table (pandas, polars, Arrow) with the columns that the model was trained on, in its order; else as it is.

    Fewer columns only by the model's own names: what a step before the last one makes of a column may be called alike.
    """
    own = _own_names(model)
    return reordered(own, table) if own else reordered(trained_on(model), table, fewer=False)


def reordered(trained: Sequence[str], table: Any, *, fewer: bool = True) -> Any:
    """The table (pandas, polars, Arrow) with these columns, where it has them; else as it is. `fewer`: others go."""
    names = getattr(table, "column_names", None)
    if names is None:
        names = getattr(table, "columns", None)
    if names is None or (not fewer and len(names) != len(trained)):
        return table
    if (found := places(trained, [str(name) for name in names])) is None:
        return table
    chosen = [list(names)[place] for place in found]
    return table.select(chosen) if hasattr(table, "select") else table[chosen]


def _plain(name: str) -> str:
    return "_".join(name.split(" "))
