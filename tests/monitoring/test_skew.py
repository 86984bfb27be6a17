"""Training/serving skew: the same row, feature by feature."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import Feature
from shipworthy.errors import WrongUse
from shipworthy.monitoring.skew import compared, in_words

FEATURES = (
    Feature(name="wind", type="float", nullable=True),
    Feature(name="seats", type="integer", nullable=True),
    Feature(name="carrier", type="category", nullable=True),
    Feature(name="late", type="boolean", nullable=True),
    Feature(name="at", type="timestamp", nullable=True),
)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRAINING = pa.table(
    {
        "flight": pa.array([17, 18, 19, 20, 20, None]),
        "wind": [3.2, 0.0, None, 1.0, 2.0, 3.0],
        "seats": pa.array([100, 200, 300, 1, 2, 3], pa.int32()),
        "carrier": pa.array(["AA", "UA", None, "AA", "AA", "AA"]).dictionary_encode(),
        "late": [True, False, None, True, True, True],
        "at": pa.array([NOON] * 6, pa.timestamp("ns", tz="UTC")),
    }
)


def served(ids=("17", "18", "19"), **changed):
    rows = {
        "wind": [3.2, 0.0, None],
        "seats": [100.0, 200.0, 300.0],  # nullable integers are logged as floats
        "carrier": ["AA", "UA", None],
        "late": [True, False, None],
        "at": pa.array([NOON] * 3, pa.timestamp("us", tz="UTC")),
        **changed,
    }
    columns = {f"features.{name}": values for name, values in rows.items()}
    return pa.table({"id": list(ids), "prediction_id": [f"1-w0-0-0-{row}" for row in range(len(ids))], **columns})


def compare(rows, tolerance=1e-6):
    return compared(rows, TRAINING, "flight", FEATURES, tolerance)


def test_rows_that_are_the_same_differ_in_nothing_whatever_their_types_are_called():
    assert compare(served()) == (3, 0, 0, ())


@pytest.mark.parametrize(
    ("feature", "values", "training", "said"),
    [
        ("wind", [0.0, 0.0, None], 3.2, 0.0),
        ("wind", [3.2, 0.0, 0.0], None, 0.0),
        ("wind", [None, 0.0, None], 3.2, None),
        ("wind", [3.2, 1e-9, None], 0.0, 1e-9),
        ("seats", [101.0, 200.0, 300.0], 100, 101),
        ("carrier", ["AA", "ua", None], "UA", "ua"),
        ("late", [True, True, None], False, True),
        ("at", pa.array([NOON.replace(hour=13), NOON, NOON], pa.timestamp("us", tz="UTC")), "12:00", "13:00"),
    ],
)
def test_one_value_that_differs_is_named_with_its_row(feature, values, training, said):
    rows, _, _, [found] = compare(served(**{feature: values}))
    assert (rows, found.feature, found.rows, found.differing) == (3, feature, 3, 1)
    row = {"17": 0, "18": 1, "19": 2}[found.id]
    assert found.prediction == f"1-w0-0-0-{row}"
    if feature == "at":
        assert training in found.training
        assert said in found.served
    else:
        assert (found.training, found.served) == (training, said)


def test_floats_may_differ_by_the_tolerance_of_the_larger_one():
    assert compare(served(wind=[float(np.float32(3.2)), 0.0, None]))[3] == ()
    assert compare(served(wind=[3.2 * 1.01, 0.0, None]))[3]
    assert compare(served(wind=[3.2 * 1.01, 0.0, None]), tolerance=0.02)[3] == ()


def test_an_id_that_stands_for_several_rows_says_nothing_and_is_counted():
    assert compare(served(ids=("20", "18", "21"), wind=[9.0, 0.0, 9.0], carrier=["x", "UA", "x"])) == (1, 1, 1, ())


def test_features_come_with_the_one_that_differs_most_first():
    found = compare(served(wind=[9.0, 9.0, 9.0], carrier=["x", "UA", None]))[3]
    assert [(one.feature, one.differing) for one in found] == [("wind", 3), ("carrier", 1)]
    assert "wind differed in 3 of 3 rows served, e.g. id 17: training 3.2, served 9; carrier" in in_words(
        3, 3, 0, 0, found
    )


@given(st.permutations(["17", "18", "19"]))
def test_the_order_in_which_rows_were_served_does_not_matter(ids):
    rows = served()
    order = pa.array(["17", "18", "19"])
    shuffled = rows.take(pa.array([order.to_pylist().index(id_) for id_ in ids]))
    assert compare(shuffled) == (3, 0, 0, ())


@pytest.mark.parametrize(
    ("training", "said"),
    [
        (TRAINING.drop_columns(["flight"]), "no column flight"),
        (TRAINING.drop_columns(["wind"]), "no column wind"),
        (TRAINING.set_column(0, "flight", pa.array([1.0] * 6)), "holds double: expected texts or whole numbers"),
    ],
)
def test_a_source_that_cannot_be_compared_is_wrong_use(training, said):
    with pytest.raises(WrongUse, match=said):
        compared(served(), training, "flight", FEATURES, 0.0)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0, 0), "no row was served with an id"),
        ((5, 0, 5, 0), "none of 5 rows served stands in the training source (the source does not have 5 ids)"),
        ((5, 3, 1, 1), "same in the training source, feature by feature (the source does not have 1 ids and 1 ids"),
    ],
)
def test_what_was_found_is_said(counts, said):
    assert said in in_words(*counts, ())
