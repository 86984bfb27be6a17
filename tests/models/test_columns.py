"""Columns and Arrow tables say the same, nulls included."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import Feature
from shipworthy.errors import DataViolation
from shipworthy.models.columns import from_arrow, schema, to_arrow
from shipworthy.models.records import NULL_TIMESTAMP

FEATURES = (
    Feature(name="distance", type="float", nullable=True),
    Feature(name="stops", type="integer"),
    Feature(name="seats", type="integer", nullable=True),
    Feature(name="night", type="boolean"),
    Feature(name="rain", type="boolean", nullable=True),
    Feature(name="carrier", type="category", nullable=True),
    Feature(name="departure", type="timestamp", nullable=True),
)

VALUES = {
    "distance": st.none() | st.floats(allow_nan=False),
    "stops": st.integers(-(2**63), 2**63 - 1),
    "seats": st.none() | st.integers(-(2**53), 2**53),
    "night": st.booleans(),
    "rain": st.none() | st.booleans(),
    "carrier": st.none() | st.text(max_size=3),
    "departure": st.none() | st.integers(NULL_TIMESTAMP + 1, 2**63 - 1),
}


@given(st.lists(st.fixed_dictionaries(VALUES), max_size=20))
def test_a_table_survives_the_way_through_columns(rows):
    """Every value that the contract's types can hold comes back as it was, nulls as nulls."""
    table = pa.Table.from_pylist(rows, schema=schema(FEATURES))
    columns = from_arrow(table, FEATURES)
    assert [len(column) for column in columns] == [len(rows)] * len(FEATURES)
    assert to_arrow(columns, FEATURES).equals(table)


def test_columns_have_the_agreed_types():
    """float64, int64 (float64 where nullable), bool, object and int64 nanoseconds, nulls as agreed."""
    moment = datetime(2013, 1, 1, tzinfo=UTC)
    table = pa.Table.from_pylist(
        [
            {
                "distance": 1.5,
                "stops": 1,
                "seats": 2,
                "night": True,
                "rain": True,
                "carrier": "UA",
                "departure": moment,
            },
            {"distance": None, "stops": 2, "seats": None, "night": False, "rain": None, "carrier": None},
        ],
        schema=schema(FEATURES),
    )
    columns = from_arrow(table, FEATURES)
    assert [column.dtype.str for column in columns] == ["<f8", "<i8", "<f8", "|b1", "<f8", "|O", "<i8"]
    assert [column[0] for column in columns] == [1.5, 1, 2.0, True, 1.0, "UA", 1_356_998_400 * 10**9]
    assert np.isnan([columns[0][1], columns[2][1], columns[4][1]]).all()
    assert columns[5][1] is None
    assert columns[6][1] == NULL_TIMESTAMP


def test_what_users_have_is_read_as_the_contract_says():
    """Narrower numbers, dictionaries, dates, several chunks and extra columns are taken as they are meant."""
    features = [Feature(name=name, type=kind) for name, kind in (("a", "float"), ("b", "category"), ("c", "timestamp"))]
    chunk = pa.table(
        {
            "extra": [1],
            "c": pa.array([1], pa.date32()),
            "b": pa.array(["x"]).dictionary_encode(),
            "a": pa.array([3], pa.int16()),
        }
    )
    a, b, c = from_arrow(pa.concat_tables([chunk, chunk]), features)
    assert (a.tolist(), b.tolist(), c.tolist()) == ([3.0, 3.0], ["x", "x"], [86_400 * 10**9] * 2)
    assert all(len(column) == 0 for column in from_arrow(chunk.slice(0, 0), features))


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("integer", [1.0, 1.5], "expected integer"),
        ("integer", [1, None], "1 rows are null, the first is row 1"),
        ("boolean", [0, 2], "1 rows are neither 0 nor 1, the first 2"),
        ("category", [1.0], "expected category, the column is double"),
        ("timestamp", [5], "expected timestamp, the column is int64"),
        ("float", ["1"], "expected float, the column is string"),
    ],
)
def test_values_that_would_lose_something_are_refused(kind, values, said):
    """No value is bent to fit: the message names the column and what it holds."""
    with pytest.raises(DataViolation, match=f"speed: .*{said}"):
        from_arrow(pa.table({"speed": values}), [Feature(name="speed", type=kind)])


def test_missing_columns_are_named_at_once():
    """All of them, and those that there are."""
    with pytest.raises(DataViolation, match=r"columns missing: distance, carrier; there are stops"):
        from_arrow(pa.table({"stops": [1]}), [FEATURES[0], FEATURES[1], FEATURES[5]])
