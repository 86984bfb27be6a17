"""From raw sums to answers."""

from __future__ import annotations

import numpy as np

from shipworthy.models.inside.graph import Graph, Unsupported


def apply_link(graph: Graph, link: str, raw: str) -> str:
    """The inverse of a link, by the name that scikit-learn has for it."""
    if link == "IdentityLink":
        return raw
    if link == "LogLink":
        return graph.op("Exp", raw)
    if link == "LogitLink":
        return both_classes(graph, graph.op("Sigmoid", raw))
    if link == "HalfLogitLink":
        return both_classes(graph, graph.op("Sigmoid", graph.op("Add", raw, raw)))
    if link == "MultinomialLogit":
        return graph.op("Softmax", raw, axis=1)
    raise Unsupported(f"the link {link} is not known")


def both_classes(graph: Graph, second: str) -> str:
    """(n, 2) from the probability of the second of two classes, (n, 1)."""
    return graph.op("Concat", graph.op("Sub", graph.constant(np.array([1.0])), second), second, axis=1)


def normalised(graph: Graph, shares: str) -> str:
    """Rows divided by their sums."""
    axis = graph.constant(np.array([1], dtype=np.int64))
    return graph.op("Div", shares, graph.op("ReduceSum", shares, axis, keepdims=1))
