"""Tables as the user's function asks for them."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shipworthy.environments.runner import tables


def by_class(a: pd.DataFrame, b: pl.DataFrame, c: pa.Table, d):
    """`from __future__ import annotations` makes texts of these."""


def by_objects(a, b, c, d):
    """Annotated with the classes themselves."""


by_objects.__annotations__ = {"a": pd.DataFrame, "b": pl.DataFrame, "c": pa.Table}


def by_text(a, b, c, d):
    """Names that are imported for type checking only."""


by_text.__annotations__ = {"a": "pandas.DataFrame", "b": "'polars.DataFrame'", "c": "pyarrow.Table"}


@pytest.mark.parametrize("function", [by_class, by_objects, by_text])
def test_the_annotation_decides_and_pandas_comes_first(function):
    found = tables.kinds(function, ["a", "b", "c", "d"])
    assert found == {"a": "pandas", "b": "polars", "c": "pyarrow", "d": "pandas"}


def test_any_further_argument_is_pandas():
    assert tables.kinds(lambda **data: None, ["flights"]) == {"flights": "pandas"}


@pytest.mark.parametrize("kind", tables.KINDS)
def test_columns_come_in_the_order_asked_for_with_nulls_as_nulls(tmp_path, kind):
    table = pa.table({"b": [True, None], "s": ["x", None], "n": pa.array([1, None]), "f": [1.5, None]})
    pq.write_table(table, tmp_path / "t.parquet")
    found = tables.select(tables.read(str(tmp_path / "t.parquet"), kind), ["n", "b", "s", "f"])
    names = found.column_names if kind == "pyarrow" else list(found.columns)
    assert names == ["n", "b", "s", "f"]
    assert tables.values(found, "s") == ["x"]
    assert [float(value) for value in tables.values(found, "b")] == [1.0]
    if kind == "pandas":
        assert [found[name].dtype.kind for name in ("n", "b", "f")] == ["f", "f", "f"]
        assert found.iloc[1].isna().all()
