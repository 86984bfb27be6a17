"""CatBoost's own trees, read from what the library writes itself; `catboost_columns` are what they compare.

A category is known to such a model by its hash alone. The words come from the contract and the training; which hash
each has, CatBoost says.
"""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shipworthy.models.inside.catboost_columns import Table
from shipworthy.models.inside.graph import Column, Graph, Unsupported
from shipworthy.models.inside.links import apply_link
from shipworthy.models.inside.trees import Ensemble, Tree

Columns = list[Column]

_LINKS = {
    "Logloss": "LogitLink",
    "CrossEntropy": "LogitLink",
    "MultiClass": "MultinomialLogit",
    "MultiClassOneVsAll": "Sigmoid",
    "Poisson": "LogLink",
    "Tweedie": "LogLink",
    **dict.fromkeys(("RMSE", "MAE", "Quantile", "MAPE", "Huber", "Expectile", "LogCosh", "Lq"), "IdentityLink"),
}
_MOST_LEAVES = 2_000_000


def catboost(graph: Graph, model: Any, columns: Columns) -> str:
    """A CatBoost model: numbers compared in single precision, sums in double."""
    written = _written(model, graph, columns)
    about = written["features_info"]
    for kind in ("text_features", "embedding_features"):
        if about.get(kind):
            raise Unsupported(f"CatBoost over {kind.replace('_', ' ')}")
    link = _link(model)
    table = Table(graph, written, columns)
    start = np.ravel(written["scale_and_bias"][1]).astype(np.float64)
    scale = float(written["scale_and_bias"][0])
    trees = list(_trees(written, table, len(start)))
    if sum(len(tree.leaf) for tree, _ in trees) > 2 * _MOST_LEAVES:
        raise Unsupported(f"CatBoost with more than {_MOST_LEAVES:,} leaves")
    ensemble = Ensemble()
    for tree, target in trees:
        ensemble.add(tree, target)
    sums = ensemble.write(graph, table.rows(), len(start))
    if scale != 1.0:
        sums = graph.op("Mul", sums, graph.constant(np.array([scale])))
    if start.any():
        sums = graph.op("Add", sums, graph.constant(start.reshape(1, -1)))
    return graph.op("Sigmoid", sums) if link == "Sigmoid" else apply_link(graph, link, sums)


def _link(model: Any) -> str:
    loss = str(model.get_all_params().get("loss_function", "")).partition(":")[0]
    if loss not in _LINKS:
        raise Unsupported(f"CatBoost's {loss or 'loss that it does not name'}")
    return _LINKS[loss]


def _written(model: Any, graph: Graph, columns: Columns) -> dict[str, Any]:
    """What CatBoost writes of itself, with the hashes of the words that each category is known to have."""
    named = model.get_cat_feature_indices()
    library = importlib.import_module("catboost")
    words = {place: graph.words(columns[place]) for place in named}
    known = library.Pool(_examples(words, len(columns)), cat_features=named) if named else None
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        file = Path(folder) / "model.json"
        model.save_model(str(file), format="json", pool=known)
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _examples(words: dict[int, list[str]], width: int) -> Any:
    """Rows in which every word of every category stands at least once."""
    rows = np.zeros((max([1, *map(len, words.values())]), width), dtype=object)
    for place, known in words.items():
        rows[:, place] = np.resize(np.array(known or [""], dtype=object), len(rows))
    return rows


def _trees(written: dict[str, Any], table: Table, targets: int) -> Any:
    for tree in written.get("oblivious_trees", ()):
        for target in range(targets):
            yield _oblivious(tree["splits"], tree["leaf_values"][target::targets], table), target
    for root in written.get("trees", ()):
        for target in range(targets):
            yield _nested(root, table, target), target


def _oblivious(splits: Sequence[dict[str, Any]], values: Sequence[float], table: Table) -> Tree:
    """A tree that asks the same on each level: as a heap, the first split, which is the lowest bit, at the leaves."""
    splits = splits or []  # null in a tree that asks nothing
    depth = len(splits)
    inner = 2**depth - 1
    tree: Tree = _empty()
    for place in range(inner):
        level = (place + 1).bit_length() - 1
        _ask(tree, place, splits[depth - 1 - level], table, 2 * place + 1, 2 * place + 2)
    for value in values:
        _answer(tree, value)
    return tree


def _nested(root: dict[str, Any], table: Table, target: int) -> Tree:
    tree: Tree = _empty()
    nodes: list[dict[str, Any]] = [root]
    for place, node in enumerate(nodes):  # which grows meanwhile
        if "split" not in node or node["split"] is None:
            _answer(tree, float(np.ravel(node["value"])[target]))
            continue
        nodes += [node["left"], node["right"]]
        _ask(tree, place, node["split"], table, len(nodes) - 2, len(nodes) - 1)
    return tree


def _empty() -> Any:
    return Tree(left=[], right=[], feature=[], threshold=[], missing_left=[], leaf=[], value=[])


def _answer(tree: Any, value: float) -> None:
    _append(tree, left=-1, right=-1, feature=0, threshold=0.0, missing_left=False, leaf=True, value=value)


def _ask(tree: Any, place: int, split: dict[str, Any], table: Table, no: int, yes: int) -> None:
    """A node whose second child is taken where the number is above the border, or the category is that one."""
    if split["split_type"] == "OneHotFeature":
        column, code = table.category(split["cat_feature_index"], split["value"])
        tree.members[place] = [code]
        _append(tree, left=yes, right=no, feature=column, threshold=0.0, missing_left=False, leaf=False, value=0.0)
        return
    if split["split_type"] == "FloatFeature":
        column, missing_left = table.number(split["float_feature_index"])
    elif split["split_type"] == "OnlineCtr":
        column, missing_left = table.statistic(split["split_index"]), False
    else:
        raise Unsupported(f"CatBoost's {split['split_type']}")
    border = float(np.float32(split["border"]))
    _append(
        tree, left=no, right=yes, feature=column, threshold=border, missing_left=missing_left, leaf=False, value=0.0
    )


def _append(tree: Any, **values: Any) -> None:
    for name, value in values.items():
        getattr(tree, name).append(value)
