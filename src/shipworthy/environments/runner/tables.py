"""Tables as the user's function wants them: pandas, polars or pyarrow, by the annotation of its argument."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable
from typing import Any

KINDS = ("pandas", "polars", "pyarrow")
_USUAL = {"pd": "pandas", "pl": "polars", "pa": "pyarrow"}


def kinds(function: Callable[..., Any], names: list[str]) -> dict[str, str]:
    """Argument -> kind of table; where nothing is annotated, the first of KINDS that is installed."""
    parameters = inspect.signature(function).parameters
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    found = {}
    for name in names:
        annotated = parameters[name].annotation if name in parameters else inspect.Parameter.empty
        found[name] = _named(annotated, scope) or _installed()
    return found


def read(path: str, kind: str) -> Any:
    """A Parquet file as a table of a kind."""
    if kind == "polars":
        return importlib.import_module("polars").read_parquet(path)
    table = importlib.import_module("pyarrow.parquet").read_table(path)
    return as_pandas(table) if kind == "pandas" else table


def as_pandas(table: Any) -> Any:
    """The frame of an Arrow table. A boolean with gaps becomes a number with gaps, not a column of objects."""
    pa = importlib.import_module("pyarrow")
    for place, field in enumerate(table.schema):
        if pa.types.is_boolean(field.type) and table.column(place).null_count:
            numbers = table.column(place).cast(pa.int8()).cast(pa.float64())
            table = table.set_column(place, field.name, numbers)
    return table.to_pandas()


def select(table: Any, names: list[str]) -> Any:
    """Some columns, in this order."""
    return table.select(names) if hasattr(table, "select") else table[names]


def values(table: Any, name: str) -> list[Any]:
    """A column's distinct values that are not null, in no particular order."""
    column = table[name]
    distinct = column.unique()
    listed = distinct.to_list() if hasattr(distinct, "to_list") else distinct.tolist()
    return [value for value in listed if value is not None and value == value]


def _named(annotation: Any, scope: dict[str, Any]) -> str | None:
    if isinstance(annotation, str):
        return _of_text(annotation, scope)
    module = getattr(annotation, "__module__", "")
    root = str(module).partition(".")[0]
    return root if root in KINDS else None


def _of_text(annotation: str, scope: dict[str, Any]) -> str | None:
    """The kind of an annotation that is still text; its module may be imported for type checking only."""
    first = annotation.strip("'\" ").partition("[")[0].partition(".")[0]
    known = scope.get(first)
    module = getattr(known, "__module__", None) or getattr(known, "__name__", first)
    root = _USUAL.get(first, str(module).partition(".")[0])
    return root if root in KINDS else None


def _installed() -> str:
    for kind in KINDS:
        if importlib.util.find_spec(kind):
            return kind
    raise ModuleNotFoundError("the environment has none of pandas, polars and pyarrow: add one of them to the lock")
