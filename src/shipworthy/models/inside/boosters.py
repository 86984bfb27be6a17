"""LightGBM's and XGBoost's own trees, read from what the libraries write themselves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from shipworthy.models.inside.categories import words
from shipworthy.models.inside.graph import DOUBLE, SINGLE, Column, Graph, Unsupported
from shipworthy.models.inside.links import apply_link, both_classes, normalised
from shipworthy.models.inside.transformers import look_up
from shipworthy.models.inside.trees import LT, Ensemble, Tree

Columns = list[Column]

_LIGHTGBM_LINKS = {
    "regression": "IdentityLink",
    "regression_l1": "IdentityLink",
    "huber": "IdentityLink",
    "fair": "IdentityLink",
    "quantile": "IdentityLink",
    "mape": "IdentityLink",
    "poisson": "LogLink",
    "gamma": "LogLink",
    "tweedie": "LogLink",
    "multiclass": "MultinomialLogit",
}
_XGBOOST_LINKS = {
    "reg:squarederror": "IdentityLink",
    "reg:absoluteerror": "IdentityLink",
    "reg:pseudohubererror": "IdentityLink",
    "reg:quantileerror": "IdentityLink",
    "count:poisson": "LogLink",
    "reg:gamma": "LogLink",
    "reg:tweedie": "LogLink",
    "binary:logistic": "LogitLink",
    "reg:logistic": "Sigmoid",
    "multi:softprob": "MultinomialLogit",
}


def lightgbm(graph: Graph, model: Any, columns: Columns) -> str:
    """A LightGBM booster or its scikit-learn wrapper: doubles compared with doubles, category sets as sets."""
    booster = getattr(model, "booster_", model)
    dump = booster.dump_model(num_iteration=getattr(model, "best_iteration_", None) or booster.best_iteration or None)
    columns = _coded(graph, words(model), columns)
    targets = int(dump["num_tree_per_iteration"])
    ensemble = Ensemble()
    for number, info in enumerate(dump["tree_info"]):
        ensemble.add(_lightgbm_tree(info["tree_structure"]), number % targets)
    sums = ensemble.write(graph, graph.numbers(columns), targets)
    if dump["average_output"]:
        sums = graph.op("Div", sums, graph.constant(np.array([len(dump["tree_info"]) / targets])))
    return _lightgbm_answers(graph, dump["objective"].split(), sums)


def _lightgbm_answers(graph: Graph, objective: list[str], sums: str) -> str:
    name, settings = objective[0], objective[1:]
    slope = np.array([float(dict(part.partition(":")[::2] for part in settings).get("sigmoid", 1.0))])
    if name in ("binary", "cross_entropy"):
        scaled = sums if slope[0] == 1.0 else graph.op("Mul", sums, graph.constant(slope))
        return both_classes(graph, graph.op("Sigmoid", scaled))
    if name == "multiclassova":
        return normalised(graph, graph.op("Sigmoid", graph.op("Mul", sums, graph.constant(slope))))
    if "sqrt" in settings or name not in _LIGHTGBM_LINKS:
        raise Unsupported(f"LightGBM's objective {' '.join(objective)}")
    return apply_link(graph, _LIGHTGBM_LINKS[name], sums)


def _lightgbm_tree(root: dict[str, Any]) -> Tree:
    nodes: list[dict[str, Any]] = []
    left: list[int] = []
    right: list[int] = []
    _flatten(root, nodes, left, right)
    tree = Tree(left=left, right=right, feature=[], threshold=[], missing_left=[], leaf=[], value=[])
    for place, node in enumerate(nodes):
        _lightgbm_node(tree, place, node)
    return tree


def _flatten(node: dict[str, Any], nodes: list[dict[str, Any]], left: list[int], right: list[int]) -> int:
    """Puts a nested node and all below it in a row, in place; its own place."""
    place = len(nodes)
    nodes.append(node)
    left.append(-1)
    right.append(-1)
    if "split_feature" in node:
        left[place] = _flatten(node["left_child"], nodes, left, right)
        right[place] = _flatten(node["right_child"], nodes, left, right)
    return place


def _lightgbm_node(tree: Any, place: int, node: dict[str, Any]) -> None:
    leaf = "split_feature" not in node
    tree.leaf.append(leaf)
    tree.value.append(node["leaf_value"] if leaf else 0.0)
    tree.feature.append(0 if leaf else node["split_feature"])
    tree.threshold.append(0.0)
    tree.missing_left.append(False)
    if leaf:
        return
    if "leaf_coeff" in node or node["missing_type"] == "Zero":
        raise Unsupported("LightGBM with zero_as_missing or linear trees")
    if node["decision_type"] == "==":
        tree.members[place] = [float(code) for code in node["threshold"].split("||")]
        return
    tree.threshold[place] = float(node["threshold"])
    # Where training saw no missing value, LightGBM takes one for zero.
    tree.missing_left[place] = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0.0


def xgboost(graph: Graph, model: Any, columns: Columns) -> str:
    """XGBoost's scikit-learn wrapper: single precision throughout, as it computes itself."""
    booster = model.get_booster()
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    inner = learner["gradient_booster"]
    objective = learner["objective"]["name"]
    if inner["name"] != "gbtree" or objective not in _XGBOOST_LINKS:
        raise Unsupported(f"XGBoost's {inner['name']} with {objective}")
    if not np.isnan(model.missing):
        raise Unsupported("XGBoost with a marker of its own for missing values")
    targets = max(int(learner["learner_model_param"]["num_class"]), 1)
    link = _XGBOOST_LINKS[objective]
    start = _xgboost_start(learner["learner_model_param"]["base_score"], link)
    ensemble = Ensemble(np.broadcast_to(start, targets))
    stop = _xgboost_trees(model, inner["model"])
    for tree, target in list(zip(inner["model"]["trees"], inner["model"]["tree_info"], strict=True))[:stop]:
        ensemble.add(_xgboost_tree(tree), target)
    columns = _coded(graph, words(model), columns)
    rows = graph.op("Cast", graph.numbers(columns), to=SINGLE)
    raw = graph.op("Cast", ensemble.write(graph, rows, targets, np.float32), to=DOUBLE)
    return graph.op("Sigmoid", raw) if link == "Sigmoid" else apply_link(graph, link, raw)


def _xgboost_trees(model: Any, booster: dict[str, Any]) -> int | None:
    """Trees that count: up to the best iteration, where training stopped early."""
    try:
        best = model.best_iteration
    except AttributeError:
        return None
    place = booster["iteration_indptr"][best + 1]
    return int(place)


def _xgboost_start(written: str, link: str) -> Any:
    """What sums start from; written as an answer, not as a sum."""
    score = np.array(json.loads(written), dtype=np.float64).ravel()
    if link in ("LogitLink", "Sigmoid"):
        return np.log(score / (1.0 - score))
    return np.log(score) if link == "LogLink" else score


def _xgboost_tree(tree: dict[str, Any]) -> Tree:
    """As it is written, but where a set of categories is asked for, which XGBoost sends to the right."""
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise Unsupported("XGBoost with several targets in a leaf")
    leaf = np.asarray(tree["left_children"]) == -1
    left, right = list(tree["left_children"]), list(tree["right_children"])
    missing_left = [bool(flag) for flag in tree["default_left"]]
    members = {}
    sets = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    for node, start, size in sets:
        members[node] = [float(code) for code in tree["categories"][start : start + size]]
        left[node], right[node], missing_left[node] = right[node], left[node], not missing_left[node]
    return Tree(
        left=left,
        right=right,
        feature=tree["split_indices"],
        threshold=tree["split_conditions"],
        missing_left=missing_left,
        leaf=leaf,
        value=tree["split_conditions"],
        members=members,
        mode=LT,
    )


def _coded(graph: Graph, known: list[list[Any]], columns: Columns) -> Columns:
    """Texts as the numbers that a model trained on pandas categories knows them by; NaN for one that it does not."""
    texts = [place for place, column in enumerate(columns) if column.text]
    if not texts or len(texts) != len(known):
        return columns
    found = list(columns)
    for place, words_ in zip(texts, known, strict=True):
        codes = np.arange(len(words_), dtype=np.float64)
        found[place] = Column(look_up(graph, columns[place], words_, codes, np.nan), 0, 1, text=False)
    return found
