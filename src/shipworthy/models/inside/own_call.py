"""The library's own call: which method gives a model's answers, and the table it is given. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def own_call(model: Any, task: str) -> Callable[[Any], Any]:
    """The callable table -> answers: predict_proba of a classifier, predict of anything else.

    A booster has no predict_proba: what its predict gives is the probability of the second of two classes, or one
    probability a class.
    """
    if task == "regression":
        return model.predict  # type: ignore[no-any-return]
    if hasattr(model, "predict_proba"):
        return model.predict_proba  # type: ignore[no-any-return]

    def probabilities(table: Any) -> Any:
        import numpy as np  # noqa: PLC0415

        said = np.asarray(model.predict(table), dtype=float)
        if said.ndim == 1:
            said = np.column_stack([1.0 - said, said])
        return said

    return probabilities


def as_table(table: Any, kind: str) -> Any:
    """An Arrow table as what the model was handed in training: a pandas or polars frame, or the table itself."""
    if kind == "pandas":
        return table.to_pandas()
    if kind == "polars":
        import polars  # noqa: PLC0415

        return polars.from_arrow(table)
    return table
