"""A fitted model as a graph: the answers (n, k) of classes in their order, or (n, 1) predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from shipworthy.models.inside import boosters, catboost_trees
from shipworthy.models.inside.graph import DOUBLE, SINGLE, Column, Graph, Unsupported
from shipworthy.models.inside.links import apply_link, both_classes, normalised
from shipworthy.models.inside.order import places, trained_on
from shipworthy.models.inside.transformers import transform
from shipworthy.models.inside.trees import Ensemble, Tree, write_several

Columns = list[Column]


def inputs(graph: Graph, model: Any) -> Columns:
    """The features in the order in which the model was trained on them, which need not be the contract's.

    A column transformer picks columns by name, but remembers them by their place in the training's table.
    """
    known = graph.features()
    trained = trained_on(model)
    if found := places(trained, list(known)):
        return [list(known.values())[place] for place in found]
    if not trained or not set(trained) <= known.keys():  # trained on an array, or on names that a library made up
        return list(known.values())
    return [known[name] for name in trained]


def answers(graph: Graph, model: Any, columns: Columns) -> str:
    """The tensor of a model's answers; Unsupported naming what is not known."""
    kind = type(model)
    if kind.__module__.startswith("sklearn.") and kind.__name__ == "Pipeline":
        for _, step in model.steps[:-1]:
            columns = transform(graph, step, columns)
        return answers(graph, model.steps[-1][1], columns)
    known = _KNOWN.get((kind.__module__.partition(".")[0], kind.__name__))
    if known is None:
        raise Unsupported(f"{kind.__module__}.{kind.__qualname__} is not known")
    return known(graph, model, columns)


def _hist_gradient_boosting(graph: Graph, model: Any, columns: Columns) -> str:
    if model._preprocessor is not None:  # noqa: SLF001 - encodes the categories, and puts them first
        columns = transform(graph, model._preprocessor, columns)  # noqa: SLF001
    start = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()  # noqa: SLF001
    ensemble = Ensemble(start)
    for trees in model._predictors:  # noqa: SLF001
        for target, tree in enumerate(trees):
            ensemble.add(_hist_tree(tree), target)
    return _inverse_link(graph, model._loss, ensemble.write(graph, graph.numbers(columns), len(start)))  # noqa: SLF001


def _hist_tree(predictor: Any) -> Tree:
    nodes = predictor.nodes
    sets = predictor.raw_left_cat_bitsets
    chosen = np.flatnonzero((nodes["is_categorical"] == 1) & (nodes["is_leaf"] == 0))
    return Tree(
        left=nodes["left"],
        right=nodes["right"],
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"],
        leaf=nodes["is_leaf"].astype(bool),
        value=nodes["value"],
        members={int(node): _members(sets[nodes["bitset_idx"][node]]) for node in chosen},
    )


def _members(words: Any) -> list[float]:
    """The numbers in a set of bits, 32 a word."""
    return [float(32 * place + bit) for place, word in enumerate(words) for bit in range(32) if int(word) >> bit & 1]


def _inverse_link(graph: Graph, loss: Any, raw: str) -> str:
    return apply_link(graph, type(loss.link).__name__, raw)


def _gradient_boosting(graph: Graph, model: Any, columns: Columns) -> str:
    start = model._raw_predict_init(np.zeros((1, len(columns)), dtype=np.float32))  # noqa: SLF001
    if model.init_ != "zero" and not type(model.init_).__name__.startswith("Dummy"):
        raise Unsupported(f"GradientBoosting that starts from {type(model.init_).__name__}")
    ensemble = Ensemble(start[0])
    for stage in model.estimators_:
        for target, tree in enumerate(stage):
            ensemble.add(_tree(tree.tree_, model.learning_rate * tree.tree_.value[:, 0, 0]), target)
    return _inverse_link(graph, model._loss, ensemble.write(graph, _as_single(graph, columns), start.shape[1]))  # noqa: SLF001


def _forest(graph: Graph, model: Any, columns: Columns) -> str:
    return _mean_of_trees(graph, model, [tree.tree_ for tree in model.estimators_], columns)


def _single_tree(graph: Graph, model: Any, columns: Columns) -> str:
    return _mean_of_trees(graph, model, [model.tree_], columns)


def _mean_of_trees(graph: Graph, model: Any, trees: list[Any], columns: Columns) -> str:
    if model.n_outputs_ != 1:
        raise Unsupported("several targets at once")
    rows = _as_single(graph, columns)
    classes = len(model.classes_) if hasattr(model, "classes_") else 0
    count = graph.constant(np.array([float(len(trees))]))
    if classes > 2:
        several = [_tree(tree, tree.value[:, 0, :]) for tree in trees]
        return normalised(graph, write_several(graph, rows, several, classes))
    ensemble = Ensemble()
    for tree in trees:
        ensemble.add(_tree(tree, tree.value[:, 0, 1] if classes else tree.value[:, 0, 0]))
    mean = graph.op("Div", ensemble.write(graph, rows), count)
    return both_classes(graph, mean) if classes else mean


def _tree(tree: Any, value: Any) -> Tree:
    """scikit-learn's trees compare a row in single precision with thresholds in double."""
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left,
        leaf=tree.children_left == -1,
        value=value,
    )


def _as_single(graph: Graph, columns: Columns) -> str:
    """Rounded to single precision, in double again, as scikit-learn's own trees see a row."""
    return graph.op("Cast", graph.op("Cast", graph.numbers(columns), to=SINGLE), to=DOUBLE)


def _linear_scores(graph: Graph, model: Any, columns: Columns) -> str:
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
    bias = np.asarray(model.intercept_, dtype=np.float64).reshape(1, -1)
    return graph.op("Add", graph.op("MatMul", graph.numbers(columns), graph.constant(weights)), graph.constant(bias))


def _logistic(graph: Graph, model: Any, columns: Columns) -> str:
    scores = _linear_scores(graph, model, columns)
    if len(model.classes_) == 2:
        return apply_link(graph, "LogitLink", scores)
    if model.solver == "liblinear":
        return normalised(graph, graph.op("Sigmoid", scores))
    return apply_link(graph, "MultinomialLogit", scores)


def _generalised(graph: Graph, model: Any, columns: Columns) -> str:
    return _inverse_link(graph, model._base_loss, _linear_scores(graph, model, columns))  # noqa: SLF001


def _perceptron(graph: Graph, model: Any, columns: Columns) -> str:
    layer = graph.numbers(columns)
    for place, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        product = graph.op("MatMul", layer, graph.constant(np.asarray(weights, dtype=np.float64)))
        layer = graph.op("Add", product, graph.constant(np.asarray(bias, dtype=np.float64).reshape(1, -1)))
        if place < len(model.coefs_) - 1:
            layer = _activation(graph, model.activation, layer)
    if model.out_activation_ == "identity":
        return layer
    return apply_link(graph, {"logistic": "LogitLink", "softmax": "MultinomialLogit"}[model.out_activation_], layer)


def _activation(graph: Graph, name: str, layer: str) -> str:
    operation = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}[name]
    return graph.op(operation, layer)


_LINEAR = (
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "BayesianRidge",
    "HuberRegressor",
    "LinearSVR",
    "QuantileRegressor",
    "SGDRegressor",
)
_KNOWN: dict[tuple[str, str], Callable[[Graph, Any, Columns], str]] = {
    **{("sklearn", f"HistGradientBoosting{kind}"): _hist_gradient_boosting for kind in ("Classifier", "Regressor")},
    **{("sklearn", f"GradientBoosting{kind}"): _gradient_boosting for kind in ("Classifier", "Regressor")},
    **{
        ("sklearn", f"{family}{kind}"): _forest
        for family in ("RandomForest", "ExtraTrees")
        for kind in ("Classifier", "Regressor")
    },
    **{
        ("sklearn", f"{family}{kind}"): _single_tree
        for family in ("DecisionTree", "ExtraTree")
        for kind in ("Classifier", "Regressor")
    },
    **{("sklearn", f"MLP{kind}"): _perceptron for kind in ("Classifier", "Regressor")},
    **{("sklearn", name): _linear_scores for name in _LINEAR},
    **{("sklearn", name): _generalised for name in ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")},
    **{("sklearn", name): _logistic for name in ("LogisticRegression", "LogisticRegressionCV")},
    **{("lightgbm", name): boosters.lightgbm for name in ("LGBMClassifier", "LGBMRegressor", "Booster")},
    **{("catboost", name): catboost_trees.catboost for name in ("CatBoostClassifier", "CatBoostRegressor")},
    **{("xgboost", name): boosters.xgboost for name in ("XGBClassifier", "XGBRegressor")},
}
