"""scikit-learn's transformers as graphs: columns in, columns out, in double precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from shipworthy.models.inside.convention import NULL_TEXT
from shipworthy.models.inside.graph import DOUBLE, ML, Column, Graph, Unsupported, tensor

Columns = list[Column]


def transform(graph: Graph, transformer: Any, columns: Columns) -> Columns:
    """The columns that a fitted transformer makes of columns; Unsupported naming what is not known."""
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return columns
    kind = type(transformer)
    known = _KNOWN.get(kind.__name__) if kind.__module__.startswith("sklearn.") else None
    if known is None:
        raise Unsupported(f"{kind.__module__}.{kind.__qualname__} is not known")
    return known(graph, transformer, columns)


def _pipeline(graph: Graph, pipeline: Any, columns: Columns) -> Columns:
    for _, step in pipeline.steps:
        columns = transform(graph, step, columns)
    return columns


def _column_transformer(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    found: Columns = []
    for name, transformer, _ in fitted.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        chosen = [columns[place] for place in fitted._transformer_to_input_indices[name]]  # noqa: SLF001
        if chosen:
            found += transform(graph, transformer, chosen)
    return found


def _feature_union(graph: Graph, union: Any, columns: Columns) -> Columns:
    if union.transformer_weights:
        raise Unsupported("FeatureUnion with weights")
    parts = [transform(graph, part, columns) for _, part in union.transformer_list if part != "drop"]
    return [column for part in parts for column in part]


def _function(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    function = getattr(fitted.func, "func", fitted.func)  # of a partial
    if function is None or getattr(function, "__module__", "") == "sklearn.utils.validation":
        return columns  # checks, and changes nothing
    raise Unsupported(f"FunctionTransformer({getattr(function, '__name__', function)}) is code of its own")


def _affine(graph: Graph, columns: Columns, steps: Sequence[tuple[str, Any]]) -> Columns:
    rows = graph.numbers(columns)
    for operation, by in steps:
        if by is not None:
            rows = graph.op(operation, rows, graph.constant(np.asarray(by, dtype=np.float64).reshape(1, -1)))
    return graph.block(rows, len(columns))


def _standard(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    mean = fitted.mean_ if fitted.with_mean else None
    return _affine(graph, columns, [("Sub", mean), ("Div", fitted.scale_ if fitted.with_std else None)])


def _robust(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    center = fitted.center_ if fitted.with_centering else None
    return _affine(graph, columns, [("Sub", center), ("Div", fitted.scale_ if fitted.with_scaling else None)])


def _min_max(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    if fitted.clip:
        raise Unsupported("MinMaxScaler(clip=True)")
    return _affine(graph, columns, [("Mul", fitted.scale_), ("Add", fitted.min_)])


def _max_abs(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    return _affine(graph, columns, [("Div", fitted.scale_)])


def _imputer(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    if all(column.text for column in columns):
        if fitted.indicator_ is not None:
            raise Unsupported("SimpleImputer that flags missing texts")
        return _filled_texts(graph, fitted, columns)
    if any(column.text for column in columns):
        raise Unsupported("SimpleImputer over texts and numbers at once")
    flagged = [] if fitted.indicator_ is None else [columns[place] for place in fitted.indicator_.features_]
    return _filled_numbers(graph, fitted, columns) + _flags(graph, fitted, flagged)


def _flags(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    """One column of 0 and 1 for each column that had missing values in training."""
    if not columns:
        return []
    mask = _missing_numbers(graph, fitted, graph.numbers(columns))
    return graph.block(graph.op("Cast", mask, to=DOUBLE), len(columns))


def _filled_numbers(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    statistics = np.asarray(fitted.statistics_, dtype=np.float64)
    empty = np.isnan(statistics)
    if empty.any() and (fitted.strategy == "constant" or fitted.keep_empty_features):
        raise Unsupported("SimpleImputer over a column without a value")
    # scikit-learn drops a column that had no value in training.
    rows = graph.numbers([column for column, nothing in zip(columns, empty, strict=True) if not nothing])
    filling = graph.constant(statistics[~empty].reshape(1, -1))
    filled = graph.op("Where", _missing_numbers(graph, fitted, rows), filling, rows)
    return graph.block(filled, int((~empty).sum()))


def _filled_texts(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    found = []
    for column, statistic in zip(columns, fitted.statistics_, strict=True):
        word = NULL_TEXT if _is_missing(fitted.missing_values) else str(fitted.missing_values)
        missing = graph.op("Equal", column.tensor, graph.constant(np.array([word], dtype=object)))
        filled = graph.op("Where", missing, graph.constant(np.array([statistic], dtype=object)), column.tensor)
        found.append(Column(filled, 0, 1, text=True))
    return found


def _missing_numbers(graph: Graph, fitted: Any, rows: str) -> str:
    if _is_missing(fitted.missing_values):
        return graph.op("IsNaN", rows)
    return graph.op("Equal", rows, graph.constant(np.array([float(fitted.missing_values)])))


def _ordinal(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    unknown = np.nan if fitted.unknown_value is None else float(fitted.unknown_value)
    found = []
    for place, (column, categories) in enumerate(zip(columns, fitted.categories_, strict=True)):
        codes = _grouped(fitted, place, len(categories)).astype(np.float64)
        # NaN, as pandas has it, is encoded apart; None, as polars has it, is a category like any other.
        missing = [
            number for number, category in enumerate(categories) if category is not None and _is_missing(category)
        ]
        codes[missing] = float(fitted.encoded_missing_value)
        found.append(Column(look_up(graph, column, categories, codes, unknown), 0, 1, text=False))
    return found


def _one_hot(graph: Graph, fitted: Any, columns: Columns) -> Columns:
    found: Columns = []
    for place, (column, categories) in enumerate(zip(columns, fitted.categories_, strict=True)):
        groups = _grouped(fitted, place, len(categories))
        width = int(groups.max()) + 1
        rare = fitted.handle_unknown == "infrequent_if_exist" and _groups_rare(fitted, place)
        unknown = width - 1 if rare else -1
        kept = [group for group in range(width) if group != _dropped(fitted, place)]
        code = look_up(graph, column, categories, groups.astype(np.float64), float(unknown))
        hot = graph.op("Equal", code, graph.constant(np.array([kept], dtype=np.float64)))
        found += graph.block(graph.op("Cast", hot, to=DOUBLE), len(kept))
    return found


def _dropped(fitted: Any, place: int) -> int | None:
    dropped = None if fitted.drop_idx_ is None else fitted.drop_idx_[place]
    if dropped is not None and _groups_rare(fitted, place):
        raise Unsupported("OneHotEncoder that both drops and groups rare categories")
    return dropped


def _groups_rare(fitted: Any, place: int) -> bool:
    mappings = getattr(fitted, "_default_to_infrequent_mappings", None)
    return mappings is not None and mappings[place] is not None


def _grouped(fitted: Any, place: int, count: int) -> Any:
    """Category number -> code; the rare ones share one, where the encoder was told to group them."""
    if not _groups_rare(fitted, place):
        return np.arange(count)
    return np.asarray(fitted._default_to_infrequent_mappings[place])  # noqa: SLF001


def look_up(graph: Graph, column: Column, categories: Any, codes: Any, unknown: float) -> str:
    """The tensor (n, 1) of the codes of a column's categories."""
    if column.text:
        keys = [NULL_TEXT if _is_missing(category) else category for category in categories]
        if not all(isinstance(key, str) for key in keys):
            raise Unsupported(f"{column.tensor} is a category, the model was trained on something else than texts")
        source, keys_tensor = column.tensor, tensor(np.array(keys, dtype=object))
    else:
        source, keys_tensor = graph.numbers([column]), tensor(np.array(categories, dtype=np.float64))
    return graph.op(
        "LabelEncoder",
        source,
        domain=ML,
        keys_tensor=keys_tensor,
        values_tensor=tensor(np.array(codes, dtype=np.float64)),
        default_tensor=tensor(np.array([unknown])),
    )


def _is_missing(category: Any) -> bool:
    return category is None or repr(category) == "<NA>" or (isinstance(category, float) and bool(np.isnan(category)))


_KNOWN: dict[str, Callable[[Graph, Any, Columns], Columns]] = {
    "ColumnTransformer": _column_transformer,
    "FeatureUnion": _feature_union,
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "Pipeline": _pipeline,
    "RobustScaler": _robust,
    "SimpleImputer": _imputer,
    "StandardScaler": _standard,
}
