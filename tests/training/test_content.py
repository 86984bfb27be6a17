"""The digest of rows."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.training.content import content_digest

ROWS = st.lists(
    st.tuples(
        st.none() | st.floats(),
        st.none() | st.text(max_size=3),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
    ),
    max_size=12,
)
NAMES = ["f", "s", "i", "b"]
TYPES = [pa.float64(), pa.string(), pa.int64(), pa.bool_()]


def table(rows) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, TYPES, strict=True)], names=NAMES)


@given(ROWS, st.randoms())
def test_the_order_of_rows_and_columns_and_the_chunks_do_not_count(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    middle = len(rows) // 2
    chunked = pa.concat_tables([table(shuffled[:middle]), table(shuffled[middle:])]).select(NAMES[::-1])
    assert content_digest(chunked) == content_digest(table(rows))


@given(ROWS, ROWS)
def test_other_rows_have_another_digest(a, b):
    def bag(rows):
        return sorted(repr(tuple("nan" if value != value else value for value in row)) for row in rows)

    assert (content_digest(table(a)) == content_digest(table(b))) == (bag(a) == bag(b))


def test_how_texts_are_laid_out_does_not_count():
    texts = ["a", None, "b", "a"]
    plain = content_digest(pa.table({"s": pa.array(texts)}))
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        assert content_digest(pa.table({"s": pa.array(texts).cast(kind)})) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1, 2]), pa.array([1.0, 2.0])),
        (pa.array([0.0]), pa.array([-0.0])),
        (pa.array([float("nan")], from_pandas=False), pa.array([None], pa.float64())),
        (pa.array(["1"]), pa.array([b"1"])),
        (pa.array([Decimal("1.10")]), pa.array([Decimal("1.20")])),
        (pa.array([{"a": 1}]), pa.array([{"a": 2}])),
        (pa.array([[1, 2]]), pa.array([[2, 1]])),
        (pa.array([None, None], pa.string()), pa.array([None], pa.string())),
        (pa.array([datetime.date(2020, 1, 1)]), pa.array([datetime.date(2020, 1, 2)])),
        (pa.array([datetime.time(1)]), pa.array([datetime.time(2)])),
        (pa.array([2**64 - 1], pa.uint64()), pa.array([0], pa.uint64())),
    ],
)
def test_values_and_types_count(one, other):
    assert content_digest(pa.table({"x": one})) != content_digest(pa.table({"x": other}))


def test_values_that_swap_rows_or_columns_count():
    assert content_digest(pa.table({"a": [1, 2], "b": [3, 4]})) != content_digest(pa.table({"a": [1, 2], "b": [4, 3]}))
    assert content_digest(pa.table({"a": [1], "b": [2]})) != content_digest(pa.table({"a": [2], "b": [1]}))


def test_many_rows_are_all_seen():
    values = np.arange(300_000)
    whole = content_digest(pa.table({"x": values}))
    values[299_999] = 7
    assert content_digest(pa.table({"x": values})) != whole
