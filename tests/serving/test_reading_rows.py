"""What a request may hold is what the contract says, however it is found out."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serving.conftest import DESCRIPTION, FEATURES, ROW

from shipworthy.contract.records import Feature
from shipworthy.serving.native import Native
from shipworthy.serving.problems import Problem
from shipworthy.serving.rows import RowFormat
from shipworthy.serving.violations import examine

APRIL = 1_364_810_400_000_000_000
READ = Native(3, DESCRIPTION, 100).read
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-2, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["AA", "UA", "zz", "", "2013-04-01T10:00:00Z", "2013-04-01", "0001-01-01T00:00:00Z", 1.0, 6001]),
    st.lists(st.integers(), max_size=1),
)


def outcome(read):
    """Rows and flags, or what is wrong."""
    try:
        call = read()
    except Problem as problem:
        return sorted((violation.row, violation.field) for violation in problem.violations)
    return [(row, call.flags) for row in call.rows]


@given(
    changed=st.dictionaries(st.sampled_from([*ROW, "carier"]), ANYTHING, max_size=3),
    left_out=st.sets(st.sampled_from([*ROW]), max_size=1),
)
@settings(max_examples=500, deadline=None)
def test_the_fast_way_and_the_slow_way_agree(changed, left_out):
    row = {name: value for name, value in {**ROW, **changed}.items() if name not in left_out}
    body = json.dumps({"rows": [row]}).encode()
    assert outcome(lambda: READ(body)) == outcome(lambda: examine(FEATURES, [json.loads(body)["rows"][0]]))


def test_a_good_row_is_its_values():
    call = READ(json.dumps({"rows": [ROW], "id": "mine"}).encode())
    assert call.rows == [(500.0, 1, False, "UA", "EWR", APRIL, None, 20.5, 0.0)]
    assert (call.id, call.ids, call.flags) == ("mine", None, ())


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("distance", -1, "a number from 0 to 6000 (miles)"),
        ("distance", None, "a number from 0 to 6000 (miles)"),
        ("distance", "500", "a number"),
        ("stops", 1.5, "a whole number from 0 to 3"),
        ("stops", True, "a whole number"),
        ("night", 1, "true or false"),
        ("carrier", "ZZ", "one of AA, B6, UA"),
        ("origin", 7, "text"),
        ("departure", "yesterday", "ISO 8601"),
        ("departure", "0001-01-01T00:00:00Z", "1678 to 2261"),
        ("gusts", "strong", "a number of at most 100"),
        ("wind", "calm", "a number or null"),
    ],
)
def test_a_violation_says_field_value_and_expectation(field, value, says):
    with pytest.raises(Problem) as caught:
        READ(json.dumps({"rows": [ROW, {**ROW, field: value}]}).encode())
    (violation,) = caught.value.violations
    assert (caught.value.status, violation.row, violation.field, violation.value) == (422, 1, field, value)
    assert says in violation.expected
    assert f"row 1: {field} = {json.dumps(value)}: expected" in str(caught.value)


def test_all_violations_are_said_at_once():
    with pytest.raises(Problem) as caught:
        READ(json.dumps({"rows": [{**ROW, "distance": -1, "stops": 9}, {**ROW, "carrier": "ZZ"}]}).encode())
    assert [(v.row, v.field) for v in caught.value.violations] == [(0, "distance"), (0, "stops"), (1, "carrier")]


def test_a_number_beyond_all_doubles_is_refused_by_name():
    body = json.dumps({"rows": [ROW]}).replace("500", "1e400").encode()
    with pytest.raises(Problem) as caught:
        READ(body)
    assert [(v.field, v.value) for v in caught.value.violations] == [("distance", "inf")]


def test_a_misspelt_feature_gets_the_likely_one():
    row = {("carier" if name == "carrier" else name): value for name, value in ROW.items()}
    with pytest.raises(Problem) as caught:
        READ(json.dumps({"rows": [row]}).encode())
    assert {(v.field, v.hint) for v in caught.value.violations} == {
        ("carier", "did you mean carrier?"),
        ("carrier", "the key is missing"),
    }


def test_a_flagged_value_is_passed_on_and_a_defaulted_one_replaced():
    call = READ(json.dumps({"rows": [{**ROW, "gusts": 250, "rain": -3}]}).encode())
    assert call.rows[0][-2:] == (250.0, 0.5)
    assert call.flags == ((0, 7), (0, 8))


def test_a_default_stands_in_for_an_absent_value_of_any_kind():
    for absent in ({}, {"rain": None}, {"rain": "much"}):
        row = {name: value for name, value in ROW.items() if name != "rain"} | absent
        assert READ(json.dumps({"rows": [row]}).encode()).rows[0][-1] == 0.5


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ([], "body"),
        ({}, "rows"),
        ({"rows": []}, "rows"),
        ({"rows": [ROW] * 101}, "rows"),
        ({"rows": ROW}, "rows"),
        ({"rows": [[1, 2]]}, "rows"),
        ({"rows": [ROW], "id": ""}, "id"),
        ({"rows": [ROW], "id": 7}, "id"),
        ({"rows": [ROW], "ids": ["a", "b"]}, "ids"),
        ({"rows": [ROW], "ids": [None]}, "ids"),
        ({**ROW}, "distance"),
    ],
)
def test_what_stands_around_the_rows_is_checked_too(asked, field):
    with pytest.raises(Problem) as caught:
        READ(json.dumps(asked).encode())
    assert caught.value.status == 422
    assert field in {violation.field for violation in caught.value.violations}


@pytest.mark.parametrize(("body", "says"), [(b"", "not JSON"), (b"{", "not JSON"), (b'{"rows": [NaN]}', "send null")])
def test_what_is_no_json_is_400(body, says):
    with pytest.raises(Problem, match=says) as caught:
        READ(body)
    assert caught.value.status == 400


def test_columns_are_what_runtimes_take():
    call = READ(json.dumps({"rows": [ROW, {**ROW, "wind": 3, "departure": APRIL + 1}]}).encode())
    columns = RowFormat(FEATURES).columns(call.rows)
    assert [column.dtype.kind for column in columns] == ["f", "i", "b", "O", "O", "i", "f", "f", "f"]
    assert columns[5].tolist() == [APRIL, APRIL + 1]
    assert str(columns[6].tolist()) == "[nan, 3.0]"


@given(st.lists(st.tuples(*[st.floats() | st.none(), st.integers(-(2**63), 2**63 - 1), st.booleans()]), min_size=1))
def test_columns_hold_exactly_what_the_rows_hold(rows):
    """Whole numbers too that no double holds, and beside them all numbers as one array of doubles."""
    features = (
        Feature(name="a", type="float", nullable=True),
        Feature(name="b", type="integer"),
        Feature(name="c", type="boolean"),
    )
    columns = RowFormat(features).columns(rows)
    assert columns[1].tolist() == [row[1] for row in rows]
    assert columns[2].tolist() == [row[2] for row in rows]
    for place, column in enumerate(columns):
        np.testing.assert_array_equal(columns.numbers[:, place], column.astype(float))
    np.testing.assert_array_equal(columns[0], np.array([row[0] for row in rows], float))


NUMBERS = tuple(Feature(name=f"n{index}", type="float") for index in range(3))
GAPPY = (*NUMBERS, Feature(name="gap", type="float", nullable=True), Feature(name="count", type="integer"))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def as_lists(columns):
    return [[repr(value) for value in column.tolist()] for column in columns]


@given(st.lists(st.tuples(*[NUMBER] * 3), min_size=1, max_size=5), st.data())
def test_rows_of_floats_are_packed_and_become_the_same_columns(rows, data):
    """Also beside rows that were looked at again, which are not packed."""
    layout = RowFormat(NUMBERS)
    decoded = [layout.type(**dict(zip(("f0", "f1", "f2"), row, strict=True))) for row in rows]
    packed = layout.compact(decoded)
    assert all(isinstance(row, bytes) for row in packed)
    some = [data.draw(st.sampled_from([one, other])) for one, other in zip(packed, rows, strict=True)]
    assert as_lists(layout.columns(some)) == as_lists(layout.columns(rows)) == as_lists(np.array(rows).T)
    assert layout.columns(some).numbers.tolist() == [list(row) for row in rows]


@given(st.lists(st.tuples(*[NUMBER] * 3, st.none() | NUMBER, st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=5))
def test_a_null_is_nan_and_a_whole_number_stays_exact(rows):
    layout = RowFormat(GAPPY)
    columns = layout.columns(rows)
    assert as_lists(columns[:4]) == as_lists(np.array([row[:4] for row in rows], np.float64).T)
    assert columns[4].tolist() == [row[4] for row in rows]
    assert columns.numbers.shape == (len(rows), 5)


@given(rows=st.lists(st.tuples(st.none() | st.floats(0, 600), st.floats(0, 600)), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_null_that_is_let_through_with_a_flag_is_nan_in_its_column(rows):
    """Beside rows that were packed as they were read."""
    features = [Feature(name="a", type="float", on_violation="flag"), Feature(name="b", type="float")]
    description = msgspec.structs.replace(DESCRIPTION, features=tuple(features))
    read = Native(3, description, 100).read
    body = json.dumps({"rows": [{"a": one, "b": other} for one, other in rows]}).encode()
    call = read(body)
    assert list(call.flags) == [(row, 0) for row, (one, _) in enumerate(rows) if one is None]
    first, second = RowFormat(features).columns(call.rows)
    assert np.array_equal(first, [np.nan if one is None else one for one, _ in rows], equal_nan=True)
    assert second.tolist() == [other for _, other in rows]
