"""Where a model's trees split, as far as a split is one of a feature itself: the values at which a conversion errs.

A tree sees the columns that a pipeline made. Which of those is a feature passed through unchanged is found by looking:
the probes are sent through the pipeline's first steps, and a column that comes out as a feature went in is that one.
"""

from __future__ import annotations

import importlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from shipworthy.models.inside.order import own_columns

MOST = 10_000  # thresholds of a feature

Splits = Iterator[tuple[int, float]]  # (column, threshold)


def thresholds(model: Any, probes: Any, features: list[str]) -> dict[str, list[float]]:
    """Feature -> ascending thresholds, at most MOST; {} for what has no trees, or hides them."""
    try:
        return _found(model, probes, features)
    except Exception:
        return {}


def _found(model: Any, probes: Any, features: list[str]) -> dict[str, list[float]]:
    table, tree_model = own_columns(model, probes), model
    while hasattr(tree_model, "steps"):
        for _, step in tree_model.steps[:-1]:
            if step is not None and step != "passthrough":
                table = step.transform(table)
        tree_model = tree_model.steps[-1][1]
    if hasattr(tree_model, "_preprocess_X") and getattr(tree_model, "_preprocessor", None) is not None:
        table = tree_model._preprocess_X(table, reset=False)  # noqa: SLF001 - sklearn shows these nowhere else
    column_of = _columns(table, probes, features)
    seen: dict[str, set[float]] = defaultdict(set)
    for column, threshold in _splits(tree_model):
        if column in column_of and math.isfinite(threshold):  # an infinite one splits off missing values
            seen[column_of[column]].add(threshold)
    return {name: sorted(values)[:MOST] for name, values in seen.items()}


def _columns(table: Any, probes: Any, features: list[str]) -> dict[int, str]:
    """Column of the transformed table -> the feature that it equals."""
    numpy = importlib.import_module("numpy")
    columns = _as_columns(table)
    found: dict[int, str] = {}
    for name in features:
        try:
            values = numpy.asarray(probes[name], dtype=float)
        except (TypeError, ValueError):
            continue
        for place, column in enumerate(columns):
            if place not in found and numpy.array_equal(column, values, equal_nan=True):
                found[place] = name
                break
    return found


def _as_columns(table: Any) -> list[Any]:
    numpy = importlib.import_module("numpy")
    if hasattr(table, "toarray"):
        table = table.toarray()
    if isinstance(table, numpy.ndarray):
        parts = [table[:, place] for place in range(table.shape[1])]
    else:
        names = getattr(table, "column_names", None) or list(table.columns)
        parts = [table[name] for name in names]
    columns = []
    for part in parts:
        try:
            columns.append(numpy.asarray(part, dtype=float))
        except (TypeError, ValueError):
            columns.append(None)
    return columns


def _splits(model: Any) -> Splits:
    if hasattr(model, "_predictors"):
        yield from _of_histograms(model)
    elif hasattr(model, "booster_") or hasattr(model, "trees_to_dataframe"):
        yield from _of_lightgbm(getattr(model, "booster_", model))
    elif hasattr(model, "get_booster"):
        yield from _of_xgboost(model.get_booster())
    elif hasattr(model, "get_borders"):
        for column, borders in model.get_borders().items():
            yield from ((int(column), float(border)) for border in borders)
    elif hasattr(model, "tree_"):
        yield from _of_tree(model)
    elif hasattr(model, "estimators_"):
        numpy = importlib.import_module("numpy")
        for tree in numpy.ravel(numpy.asarray(model.estimators_, dtype=object)):
            yield from _splits(tree)


def _of_tree(model: Any) -> Splits:
    tree = model.tree_
    inner = tree.feature >= 0
    yield from zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist(), strict=True)


def _of_histograms(model: Any) -> Splits:
    for iteration in model._predictors:  # noqa: SLF001 - sklearn shows these nowhere else
        for predictor in iteration:
            nodes = predictor.nodes
            inner = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
            numbers = nodes["num_threshold"][inner].tolist()
            yield from zip(nodes["feature_idx"][inner].tolist(), numbers, strict=True)


def _of_lightgbm(booster: Any) -> Splits:
    for tree in booster.dump_model()["tree_info"]:
        waiting = [tree["tree_structure"]]
        while waiting:
            node = waiting.pop()
            if "split_feature" in node:
                if node["decision_type"] == "<=":
                    yield node["split_feature"], float(node["threshold"])
                waiting += [node["left_child"], node["right_child"]]


def _of_xgboost(booster: Any) -> Splits:
    """XGBoost sends what is less to the left: the last value that is, in single precision."""
    numpy = importlib.import_module("numpy")
    written = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    for tree in written.get("model", {}).get("trees", ()):
        split = [left != -1 and not kind for left, kind in zip(tree["left_children"], tree["split_type"], strict=True)]
        at = numpy.array(tree["split_conditions"], dtype=numpy.float32)[split]
        below = numpy.nextafter(at, numpy.float32(-numpy.inf)).tolist()
        yield from zip(numpy.array(tree["split_indices"])[split].tolist(), below, strict=True)
