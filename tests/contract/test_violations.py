"""A table against the contract: each violation names column, rows and first values, and nothing is tolerated unseen."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from shipworthy.contract.records import Contract, Feature, Model, Purpose
from shipworthy.contract.violations import blocking, refuse_violations, violations, with_defaults
from shipworthy.errors import DataViolation


def promise(*features: Feature) -> Contract:
    return Contract(
        model=Model(name="m", task="regression", train="m:train"),
        purpose=Purpose(decision="d", owner="o"),
        features=features,
    )


def found(feature: Feature, values: list, kind: pa.DataType | None = None, **options):
    return violations(promise(feature), pa.table({feature.name: pa.array(values, kind)}), **options)


DISTANCE = Feature(name="distance", type="float", min=0, max=6000)


def test_data_that_keeps_the_contract_has_no_violations():
    table = pa.table(
        {
            "distance": [0.0, 6000.0],
            "seats": pa.array([1, 2], pa.uint8()),
            "late": [True, False],
            "carrier": pa.array(["UA", "AA"]).dictionary_encode(),
            "at": pa.array([datetime(2013, 1, 1, tzinfo=UTC)] * 2),
            "more": ["not", "promised"],
        }
    )
    contract = promise(
        DISTANCE,
        Feature(name="seats", type="integer"),
        Feature(name="late", type="boolean"),
        Feature(name="carrier", type="category", values=("AA", "UA"), unknown="refuse"),
        Feature(name="at", type="timestamp"),
    )
    assert violations(contract, table) == ()
    assert with_defaults(contract, table) == table


def test_values_out_of_range_are_counted_and_the_first_ones_shown():
    (one,) = found(DISTANCE, [1.0, -3.0, 7000.0, -3.0, 5.0])
    assert (one.column, one.kind, one.rows, one.first, one.first_row) == (
        "distance",
        "out of range",
        3,
        ("-3.0", "7000.0"),
        1,
    )
    assert str(one) == "distance: 3 rows out of range, first -3.0, 7000.0, from row 1; expected 0 to 6000"


def test_a_missing_column_is_never_tolerated():
    feature = Feature(name="distance", type="float", on_violation="default", default=1.0)
    (one,) = violations(promise(feature), pa.table({"other": [1, 2]}))
    assert (one.kind, one.rows, one.tolerated) == ("missing column", 2, False)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_null_and_nan_are_the_same_absent_value(value):
    kinds = [one.kind for one in found(DISTANCE, [1.0, value], pa.float64())]
    assert kinds == ["null"]
    assert found(Feature(name="distance", type="float", nullable=True), [1.0, value], pa.float64()) == ()


def test_infinity_is_not_a_number_that_a_model_can_take():
    kinds = [(one.kind, one.rows) for one in found(DISTANCE, [float("inf"), -1.0])]
    assert kinds == [("not finite", 1), ("out of range", 1)]


def test_text_for_a_number_is_a_wrong_type_in_every_row_that_has_a_value():
    (one,) = found(Feature(name="x", type="float", nullable=True), ["1.5", None, "2"])
    assert (one.kind, one.rows, one.first) == ("wrong type", 2, ("'1.5'", "'2'"))


def test_whole_floats_are_integers_because_pandas_writes_gaps_so():
    feature = Feature(name="seats", type="integer", nullable=True)
    assert found(feature, [1.0, float("nan"), 3.0]) == ()
    (one,) = found(feature, [1.0, 2.5, 1e300])
    assert (one.kind, one.rows, one.first) == ("wrong type", 2, ("2.5", "1e+300"))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("float", pa.array([1, 2], pa.float16())),
        ("float", pa.array([1, 2], pa.decimal128(5, 2))),
        ("integer", pa.array([1, 2], pa.uint64())),
        ("category", pa.array(["a", "b"], pa.large_string())),
        ("category", pa.array(["a", "b"], pa.string_view())),
        ("timestamp", pa.array([0, 1], pa.date32())),
        ("timestamp", pa.array([0, 1], pa.timestamp("ns"))),
        ("timestamp", pa.array([0, 1], pa.timestamp("s", tz="Europe/Berlin"))),
    ],
)
def test_every_arrow_type_that_means_the_same_is_taken(kind, values):
    feature = Feature(name="x", type=kind, unknown="refuse", values=("a", "b") if kind == "category" else None)
    assert violations(promise(feature), pa.table({"x": values})) == ()


def test_an_empty_table_violates_nothing():
    assert found(DISTANCE, [], pa.float64()) == ()


def test_an_unknown_category_is_a_violation_only_where_it_is_refused():
    open_ = Feature(name="carrier", type="category", values=("UA",))
    closed = Feature(name="carrier", type="category", values=("UA",), unknown="refuse")
    assert found(open_, ["UA", "ZZ"]) == ()
    (one,) = found(closed, ["UA", "ZZ", "ZZ"])
    assert (one.kind, one.rows, one.first, one.expected) == ("unknown category", 2, ("'ZZ'",), "one of UA")


def test_categories_seen_in_training_count_where_the_contract_lists_none():
    feature = Feature(name="carrier", type="category", unknown="refuse")
    assert found(feature, ["ZZ"]) == ()
    assert [one.kind for one in found(feature, ["UA", "ZZ"], seen={"carrier": ["UA"]})] == ["unknown category"]


@pytest.mark.parametrize(
    ("kind", "on_violation", "values", "tolerated"),
    [
        ("float", "refuse", [-1.0], False),
        ("float", "flag", [-1.0], True),
        ("float", "flag", [None], True),
        ("integer", "flag", [None], False),
        ("integer", "default", [None], True),
        ("float", "flag", ["x"], False),
        ("float", "default", ["x"], True),
    ],
)
def test_flagged_and_defaulted_values_are_reported_but_do_not_block(kind, on_violation, values, tolerated):
    feature = Feature(name="x", type=kind, min=0, on_violation=on_violation, default=7)
    (one,) = found(feature, values)
    assert one.tolerated is tolerated
    assert bool(blocking([one])) is not tolerated


def test_refusing_names_every_column_that_blocks():
    contract = promise(
        DISTANCE, Feature(name="wind", type="float"), Feature(name="x", type="float", on_violation="flag")
    )
    table = pa.table({"distance": [-1.0], "wind": pa.array([None], pa.float64()), "x": pa.array([None], pa.float64())})
    with pytest.raises(DataViolation) as error:
        refuse_violations(violations(contract, table), "data.flights")
    assert str(error.value).splitlines() == [
        "data.flights breaks the contract in 2 ways:",
        "  distance: 1 row out of range, first -1.0, from row 0; expected 0 to 6000",
        "  wind: 1 row null, from row 0; expected a value in every row (the feature is not nullable)",
    ]


def test_defaults_replace_what_violates_and_nothing_else():
    contract = promise(
        Feature(name="x", type="float", min=0, on_violation="default", default=0.5),
        Feature(name="at", type="timestamp", on_violation="default", default="2013-01-01T00:00:00Z"),
        Feature(name="y", type="float", min=0, on_violation="flag"),
    )
    moment = datetime(2014, 1, 1, tzinfo=UTC)
    table = pa.table({"x": [1.0, -1.0, None], "at": [moment, None, moment], "y": [-1.0, 1.0, None]})
    repaired = with_defaults(contract, table)
    assert repaired.to_pydict() == {
        "x": [1.0, 0.5, 0.5],
        "at": [moment, datetime(2013, 1, 1, tzinfo=UTC), moment],
        "y": [-1.0, 1.0, None],
    }


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=64)


@given(st.lists(numbers), st.booleans(), st.none() | st.floats(-1e6, 0), st.none() | st.floats(0, 1e6))
def test_every_row_is_either_within_the_promise_or_counted_once(values, nullable, low, high):
    feature = Feature(name="x", type="float", nullable=nullable, min=low, max=high)

    def keeps(value: float | None) -> bool:
        if value is None or value != value:
            return nullable
        return abs(value) != float("inf") and (low is None or low <= value) and (high is None or value <= high)

    counted = found(feature, values, pa.float64())
    assert sum(one.rows for one in counted) == sum(not keeps(value) for value in values)


@given(st.lists(numbers))
def test_repaired_data_keeps_the_contract(values):
    feature = Feature(name="x", type="float", min=0, max=1, on_violation="default", default=0.5)
    repaired = with_defaults(promise(feature), pa.table({"x": pa.array(values, pa.float64())}))
    assert violations(promise(feature), repaired) == ()
