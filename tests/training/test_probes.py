"""Probe rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import Contract, Feature, Model, Purpose
from shipworthy.contract.violations import violations
from shipworthy.models.columns import schema
from shipworthy.training.probes import SPLITS, UNSEEN, probes, with_splits

FEATURES = (
    Feature(name="distance", type="float", min=0, max=6000),
    Feature(name="stops", type="integer", min=0, max=5),
    Feature(name="wind", type="float", nullable=True),
    Feature(name="wet", type="boolean", nullable=True),
    Feature(name="carrier", type="category", unknown="allow"),
    Feature(name="gate", type="category", values=("a", "b"), unknown="refuse"),
    Feature(name="departure", type="timestamp", nullable=True),
)


def history(rows: int) -> pa.Table:
    random = np.random.default_rng(0)
    return pa.table(
        [
            random.uniform(0, 6000, rows),
            random.integers(0, 6, rows),
            random.normal(0, 1, rows),
            random.random(rows) < 0.5,
            np.array(["AA", "UA"])[random.integers(0, 2, rows)],
            np.array(["a", "b"])[random.integers(0, 2, rows)],
            pa.array(random.integers(0, 10**18, rows)).cast(pa.timestamp("ns", tz="UTC")),
        ],
        schema=schema(FEATURES),
    )


def contract(features) -> Contract:
    return Contract(
        model=Model(name="m", task="regression", train="a:b"),
        purpose=Purpose(decision="", owner=""),
        features=features,
    )


@pytest.mark.parametrize("rows", [1, 5, 2000])
def test_they_hold_real_rows_nulls_unseen_and_extreme_values_all_allowed(rows):
    found = probes(FEATURES, history(rows))
    assert found.schema.equals(schema(FEATURES))
    assert not violations(contract(FEATURES), found)
    assert found.slice(0, min(rows, 512))["distance"].to_pylist()[0] == history(rows)["distance"][0].as_py()
    assert {0.0, 6000.0} <= set(found["distance"].to_pylist())
    assert {0, 5} <= set(found["stops"].to_pylist())
    assert UNSEEN in found["carrier"].to_pylist()
    assert UNSEEN not in found["gate"].to_pylist()
    for name in ("wind", "wet", "departure"):
        assert found[name].null_count >= 2  # alone, and with all the others
    assert found["distance"].null_count == 0


def test_they_are_the_same_every_time():
    assert probes(FEATURES, history(2000)).equals(probes(FEATURES, history(2000)))


def test_both_sides_of_a_split_are_values_of_32_bits():
    table = probes(FEATURES, history(100))
    found = with_splits(table, FEATURES, {"distance": [0.1, 1500.25], "stops": [2.5], "carrier": [1.0]})
    added = found.slice(table.num_rows)
    for threshold in (0.1, 1500.25):
        sides = [x for x in added["distance"].to_pylist() if abs(x - threshold) < 1e-3]
        assert min(sides) <= threshold < max(sides)
        assert all(float(np.float32(side)) == side for side in sides)
        assert np.nextafter(np.float32(min(sides)), np.float32(np.inf)) == np.float32(max(sides))
    assert {2, 3} <= set(added["stops"].to_pylist())
    assert added.num_rows == 6
    assert not violations(contract(FEATURES), found)


def test_splits_outside_the_contract_are_left_out():
    table = probes(FEATURES, history(10))
    assert with_splits(table, FEATURES, {"distance": [7000.0], "wind": [1e300]}).equals(table)
    assert with_splits(table, FEATURES, {}).equals(table)


@given(
    st.dictionaries(st.sampled_from(["distance", "stops", "wind"]), st.lists(st.floats(allow_nan=False), max_size=900))
)
def test_however_many_splits_there_are_the_probes_stay_few_and_allowed(thresholds):
    table = probes(FEATURES, history(10))
    found = with_splits(table, FEATURES, {name: sorted(values) for name, values in thresholds.items()})
    assert found.num_rows <= table.num_rows + SPLITS
    assert found.slice(0, table.num_rows).equals(table)
    assert not violations(contract(FEATURES), found)
