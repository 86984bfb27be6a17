"""Tree ensembles with thresholds in double precision: ONNX's TreeEnsemble (ai.onnx.ml 5), and for leaves that hold
several values its forerunner, whose sums come out in single precision but whose comparisons are double all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shipworthy.models.inside.graph import DOUBLE, ML, Graph, tensor

LEQ, LT, MEMBER = 0, 1, 6  # nodes_modes of TreeEnsemble
_SUM = 1


@dataclass
class Tree:
    """One tree: arrays over its nodes, node 0 the root."""

    left: Sequence[int]  # the child where the comparison holds
    right: Sequence[int]
    feature: Sequence[int]
    threshold: Sequence[float]
    missing_left: Sequence[bool]  # where NaN goes
    leaf: Sequence[bool]
    value: Any  # (nodes,) or (nodes, targets); of leaves only
    members: dict[int, list[float]] = field(default_factory=dict)  # node -> the values that go left; no threshold then
    mode: int = LEQ


class Ensemble:
    """The sum of trees, each adding to one target.

    `start` holds what each target's sum starts from, as a first tree: sums are then made in the library's order.
    """

    def __init__(self, start: Iterable[float] = ()) -> None:
        self._roots: list[int] = []
        self._nodes: list[tuple[int, float, int, int, int, int, int, int]] = []
        self._leaves: list[tuple[int, float]] = []
        self._members: list[float] = []
        for target, value in enumerate(start):
            self._roots.append(len(self._nodes))
            self._add_leaf(float(value), target)

    def add(self, tree: Tree, target: int = 0) -> None:
        """One more tree."""
        self._roots.append(len(self._nodes))
        inner = {
            node: len(self._nodes) + place for place, node in enumerate(np.flatnonzero(~np.asarray(tree.leaf)).tolist())
        }
        if not inner:  # a tree of one leaf: whatever is compared, it is that leaf
            self._add_leaf(float(tree.value[0]), target)
            return
        leaves = {node: len(self._leaves) + place for place, node in enumerate(np.flatnonzero(tree.leaf).tolist())}
        self._leaves += [(target, float(tree.value[node])) for node in leaves]
        places = {**inner, **leaves}
        for node in inner:
            left, right = int(tree.left[node]), int(tree.right[node])
            members = tree.members.get(node)
            if members:
                self._members += [*members, np.nan]
            self._nodes.append(
                (
                    int(tree.feature[node]),
                    _threshold(tree, node),
                    MEMBER if members else tree.mode,
                    places[left],
                    places[right],
                    int(left in leaves),
                    int(right in leaves),
                    int(tree.missing_left[node]),
                )
            )

    def _add_leaf(self, value: float, target: int) -> None:
        self._leaves.append((target, value))
        last = len(self._leaves) - 1
        self._nodes.append((0, 0.0, LEQ, last, last, 1, 1, 0))

    def write(self, graph: Graph, rows: str, targets: int = 1, precision: Any = np.float64) -> str:
        """Adds the ensemble over a tensor (n, features) of that precision; the tensor (n, targets) of sums."""
        feature, split, mode, true, false, true_leaf, false_leaf, missing = zip(*self._nodes, strict=True)
        target, weight = zip(*self._leaves, strict=True)
        optional = {"membership_values": tensor(np.array(self._members, precision))} if self._members else {}
        return graph.op(
            "TreeEnsemble",
            rows,
            domain=ML,
            n_targets=targets,
            aggregate_function=_SUM,
            post_transform=0,
            tree_roots=self._roots,
            nodes_featureids=feature,
            nodes_splits=tensor(np.array(split, precision)),
            nodes_modes=tensor(np.array(mode, np.uint8)),
            nodes_truenodeids=true,
            nodes_falsenodeids=false,
            nodes_trueleafs=true_leaf,
            nodes_falseleafs=false_leaf,
            nodes_missing_value_tracks_true=missing,
            leaf_targetids=target,
            leaf_weights=tensor(np.array(weight, precision)),
            **optional,
        )


def _threshold(tree: Tree, node: int) -> float:
    members = tree.members.get(node)
    if members is None:
        return float(tree.threshold[node])
    return 0.0 if members else -np.inf  # nothing but a missing value goes left where the set is empty


def write_several(graph: Graph, rows: str, trees: Sequence[Tree], targets: int) -> str:
    """The sum of trees whose leaves hold one value a target; double in the comparisons, float32 in what comes out."""
    graph.ml_version = 4
    nodes: dict[str, list[Any]] = {name: [] for name in ("tree", "node", "feature", "mode", "true", "false", "missing")}
    splits, weights = [], []
    leaves: dict[str, list[int]] = {name: [] for name in ("tree", "node", "target")}
    for number, tree in enumerate(trees):
        for node, leaf in enumerate(tree.leaf):
            nodes["tree"].append(number)
            nodes["node"].append(node)
            nodes["feature"].append(0 if leaf else int(tree.feature[node]))
            nodes["mode"].append("LEAF" if leaf else "BRANCH_LEQ")
            nodes["true"].append(0 if leaf else int(tree.left[node]))
            nodes["false"].append(0 if leaf else int(tree.right[node]))
            nodes["missing"].append(0 if leaf else int(tree.missing_left[node]))
            splits.append(0.0 if leaf else float(tree.threshold[node]))
            if leaf:
                leaves["tree"] += [number] * targets
                leaves["node"] += [node] * targets
                leaves["target"] += range(targets)
                weights += [float(value) for value in tree.value[node]]
    sums = graph.op(
        "TreeEnsembleRegressor",
        rows,
        domain=ML,
        n_targets=targets,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=nodes["tree"],
        nodes_nodeids=nodes["node"],
        nodes_featureids=nodes["feature"],
        nodes_modes=nodes["mode"],
        nodes_truenodeids=nodes["true"],
        nodes_falsenodeids=nodes["false"],
        nodes_missing_value_tracks_true=nodes["missing"],
        nodes_values_as_tensor=tensor(np.array(splits)),
        target_treeids=leaves["tree"],
        target_nodeids=leaves["node"],
        target_ids=leaves["target"],
        target_weights_as_tensor=tensor(np.array(weights)),
    )
    return graph.op("Cast", sums, to=DOUBLE)
