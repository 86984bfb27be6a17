"""A model's answers as numbers: probabilities in the order of its classes, or predictions."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shipworthy.models.inside.categories import with_words
from shipworthy.models.inside.order import in_own_order

FILES = {"probes": "probe_answers.npy", "holdout": "holdout_answers.npy"}


class Answerer:
    """Asks a model, always in the same way."""

    def __init__(self, call: Callable[[Any], Any], classes: list[Any]) -> None:
        self._call = call
        self.classes = classes  # [] for regression

    def answer(self, rows: Any) -> Any:
        """float64 (n, k): probabilities of the k classes; (n, 1) predictions of a regression."""
        numpy = importlib.import_module("numpy")
        with _in_order():
            said = numpy.asarray(self._call(rows), dtype=numpy.float64)
        if self.classes and said.ndim == 1:  # a booster's own call: the probability of the second of two classes
            said = numpy.column_stack([1.0 - said, said])
        wanted = len(self.classes) or 1
        said = said.reshape(len(rows), -1)
        if said.shape[1] != wanted:
            raise ValueError(
                f"the model gave answers of shape {said.shape} to {len(rows)} rows; expected {wanted} columns"
            )
        return said


def answerer(model: Any, task: str, labels: list[Any]) -> Answerer:
    """How a model is asked; `labels` are the target's distinct values in training."""
    name = "predict_proba" if task != "regression" and hasattr(model, "predict_proba") else "predict"
    call = in_own_order(model, with_words(model, _method(model, name)))
    return Answerer(call, [] if task == "regression" else _classes(model, labels))


def write(path: Path, answers: Any) -> None:
    """As .npy of format 1."""
    numpy = importlib.import_module("numpy")
    with path.open("wb") as stream:
        numpy.lib.format.write_array(stream, numpy.ascontiguousarray(answers), version=(1, 0), allow_pickle=False)


def _in_order() -> contextlib.AbstractContextManager[Any]:
    """Forests of several workers add up their trees as these finish: the last bit would differ from call to call."""
    joblib = sys.modules.get("joblib")
    configured = getattr(joblib, "parallel_config", None) or getattr(joblib, "parallel_backend", None)
    return configured(backend="sequential") if configured is not None else contextlib.nullcontext()


def _method(model: Any, name: str) -> Callable[[Any], Any]:
    method = getattr(model, name, None)
    if method is None:
        raise TypeError(f"the model, a {type(model).__qualname__}, has no {name}(); expected predict or predict_proba")
    found: Callable[[Any], Any] = method
    return found


def _classes(model: Any, labels: list[Any]) -> list[Any]:
    """The model's own; without any, the labels where they can only mean one order: 0, 1, … or false, true."""
    own = getattr(model, "classes_", None)
    if own is not None:
        return [value.item() if hasattr(value, "item") else value for value in own]
    ordered = sorted(labels)
    if ordered == list(range(len(ordered))):
        return [value if isinstance(value, bool) else int(value) for value in ordered]
    raise TypeError(
        f"the model, a {type(model).__qualname__}, has no classes_, so the order of its answers is not known; "
        "give it the attribute, or labels 0, 1, …"
    )
