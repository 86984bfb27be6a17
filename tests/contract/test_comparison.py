"""Two contracts: what a caller of the old one would notice is breaking, anything else is listed."""

import itertools

import hypothesis.strategies as st
import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings

from shipworthy.contract.comparison import breaking, changes, must_raise_version
from shipworthy.contract.records import Contract, DataSource, Feature, Model, Monitoring, Purpose, Serving
from shipworthy.contract.violations import blocking, violations

OLD = Contract(
    model=Model(name="m", task="classification", train="m:train"),
    purpose=Purpose(decision="d", owner="o"),
    data=(DataSource(name="rows", kind="file", location="rows.parquet", target="late"),),
    parameters={"depth": 3},
    features=(
        Feature(name="distance", type="float", min=0, max=10, unit="miles"),
        Feature(name="carrier", type="category", values=("AA", "UA"), unknown="refuse"),
        Feature(name="wind", type="float", nullable=True, on_violation="flag"),
    ),
)

replace = msgspec.structs.replace


def with_feature(position: int, **fields) -> Contract:
    features = list(OLD.features)
    features[position] = replace(features[position], **fields)
    return replace(OLD, features=tuple(features))


def more(feature: Feature) -> Contract:
    return replace(OLD, features=(*OLD.features, feature))


def test_the_same_contract_has_no_changes():
    assert changes(OLD, OLD) == ()


@pytest.mark.parametrize(
    ("new", "key"),
    [
        (with_feature(0, max=9), "features.distance.max"),
        (with_feature(0, min=1), "features.distance.min"),
        (with_feature(0, type="integer"), "features.distance.type"),
        (with_feature(0, unit="km"), "features.distance.unit"),
        (with_feature(1, values=("UA", "DL")), "features.carrier.values"),
        (with_feature(2, on_violation="refuse"), "features.wind.on_violation"),
        (more(Feature(name="x y", type="float")), 'features."x y"'),
        (replace(OLD, features=OLD.features[1:]), "features.distance"),
        (replace(OLD, model=replace(OLD.model, task="regression")), "model.task"),
        (replace(OLD, model=replace(OLD.model, name="n")), "model.name"),
        (replace(OLD, data=(replace(OLD.data[0], target="cancelled"),)), "data.target"),
        (replace(OLD, serving=Serving(p99_ms=20)), "serving.p99_ms"),
        (replace(OLD, serving=Serving(max_rows=10)), "serving.max_rows"),
        (replace(OLD, serving=Serving(deadline_ms=50)), "serving.deadline_ms"),
    ],
)
def test_what_a_caller_would_notice_breaks(new, key):
    (change,) = breaking(OLD, new)
    assert change.key == key
    assert change.because


@pytest.mark.parametrize(("key", "because"), [("first_ms", "first answer"), ("p999_ms", "1 answer in 1,000")])
def test_what_is_promised_later_or_not_at_all_breaks(key, because):
    promised = [replace(OLD, serving=Serving(**{key: limit})) for limit in (None, 30, 20)]
    for weaker, stronger in itertools.pairwise(promised):
        (change,) = breaking(stronger, weaker)
        assert because in change.because
        assert not breaking(weaker, stronger)


def test_a_nullable_feature_that_is_required_breaks():
    (change,) = breaking(with_feature(0, nullable=True), OLD)
    assert str(change) == "features.distance.nullable: true → false: callers may leave it out today"


def test_refusing_unknown_categories_breaks():
    (change,) = breaking(with_feature(1, unknown="allow"), OLD)
    assert change.key == "features.carrier.unknown"


@pytest.mark.parametrize(
    ("new", "key"),
    [
        (with_feature(0, max=None), "features.distance.max"),
        (with_feature(1, values=("AA", "DL", "UA")), "features.carrier.values"),
        (with_feature(1, unknown="allow"), "features.carrier.unknown"),
        (with_feature(2, max=5), "features.wind.max"),
        (more(Feature(name="x", type="float", nullable=True)), "features.x"),
        (more(Feature(name="x", type="float", on_violation="default", default=0)), "features.x"),
        (replace(OLD, parameters={"depth": 4}), "parameters.depth"),
        (replace(OLD, data=(replace(OLD.data[0], version=3, kind="delta"),)), "data.rows"),
        (replace(OLD, serving=Serving(p99_ms=5)), "serving.p99_ms"),
        (replace(OLD, monitoring=Monitoring(drift=0.1)), "monitoring.drift"),
    ],
)
def test_what_no_caller_would_notice_is_listed_and_does_not_break(new, key):
    (change,) = changes(OLD, new)
    assert (change.key, change.breaks) == (key, False)


def test_a_raised_major_version_lets_breaking_changes_ship():
    new = with_feature(0, max=9)
    raised = replace(new, model=replace(new.model, version=2))
    assert [change.key for change in must_raise_version(OLD, new)] == ["features.distance.max"]
    assert must_raise_version(OLD, raised) == ()
    assert breaking(OLD, raised)


bounds = st.none() | st.integers(-3, 3).map(float)
features = st.builds(
    Feature,
    name=st.just("x"),
    type=st.sampled_from(["float", "integer"]),
    nullable=st.booleans(),
    min=bounds,
    max=bounds,
    on_violation=st.sampled_from(["refuse", "flag", "default"]),
    default=st.just(0),
)


rows = st.integers(-4, 4).map(lambda value: pa.array([value])) | st.sampled_from(
    [pa.array([None], pa.int64()), pa.array(["text"]), pa.array([float("inf")])]
)


@settings(max_examples=500)
@given(features, features, rows)
def test_a_value_that_was_taken_is_taken_after_any_change_that_is_not_breaking(before, after, values):
    old, new = replace(OLD, features=(before,)), replace(OLD, features=(after,))
    row = pa.table({"x": values})
    if not breaking(old, new) and not blocking(violations(old, row)):
        assert not blocking(violations(new, row))
