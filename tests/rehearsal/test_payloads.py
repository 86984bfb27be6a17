"""Request bodies made from rows and from the contract alone."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from shipworthy import clock
from shipworthy.contract.faults import check
from shipworthy.contract.records import Feature
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.rehearsal.payloads import from_columns, from_contract, of_rows

FEATURES = (
    Feature(name="carrier", type="category", values=("AA", "UA"), unknown="refuse"),
    Feature(name="distance", type="float", min=0, max=6000),
    Feature(name="wind", type="float", nullable=True, max=-3),
    Feature(name="seats", type="integer", min=0.5, max=3),
    Feature(name="night", type="boolean"),
    Feature(name="at", type="timestamp"),
)


def _rows(bodies: list[bytes]) -> list[dict[str, Any]]:
    return [row for body in bodies for row in msgspec.json.decode(body)["rows"]]


def test_sampled_rows_keep_the_contract() -> None:
    rows = _rows(from_contract(FEATURES, 200, rows=3))
    assert len(rows) == 600
    assert {row["seats"] for row in rows} == {1, 2, 3}
    assert any(row["wind"] is None for row in rows)
    assert all(isinstance(row["night"], bool) for row in rows)
    assert all(clock.from_iso(row["at"]) <= clock.now() for row in rows)
    for feature in FEATURES[:-1]:
        assert check(feature, pa.chunked_array([[row[feature.name] for row in rows]])).faults == ()


def test_the_same_seed_samples_the_same_rows() -> None:
    still = FEATURES[:-1]
    assert from_contract(still, 5, seed=3) == from_contract(still, 5, seed=3)
    assert from_contract(still, 5, seed=3) != from_contract(still, 5, seed=4)


def test_real_rows_are_sent_as_a_caller_would_and_refused_ones_left_out() -> None:
    columns = [
        np.array(["AA", "XX", "UA"], object),  # XX: what the contract refuses
        np.array([1.5, 2.0, 3.0]),
        np.array([np.nan, -4.0, -5.0]),
        np.array([1, 2, 3]),
        np.array([True, False, True]),
        np.array([clock.from_iso("2013-04-01T05:00:00Z"), 0, 1_000]),
    ]
    first, second, again = _rows(from_columns(FEATURES, columns, 3))
    assert first == {
        "carrier": "AA",
        "distance": 1.5,
        "wind": None,
        "seats": 1,
        "night": True,
        "at": "2013-04-01T05:00:00Z",
    }
    assert second["carrier"] == "UA"
    assert again == first


@pytest.mark.parametrize("value", [NULL_TIMESTAMP])
def test_without_a_row_that_is_accepted_the_contract_is_sampled(value: int) -> None:
    at = (Feature(name="at", type="timestamp"),)
    (row,) = _rows(from_columns(at, [np.array([value])], 1))
    assert row["at"] is not None


def test_exactly_these_rows_are_sent_where_answers_are_told_by_position() -> None:
    columns = [np.array(["AA", "XX"], object), np.array([1.5, 7_000.0])]
    assert [row["carrier"] for row in _rows([of_rows(FEATURES[:2], columns)])] == ["AA", "XX"]
