"""Both models are held against each other on the same flights, month by month."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from shipworthy.demo.comparison import compare

COUNT = 2900  # to the end of July


@pytest.fixture
def flights() -> pa.Table:
    """From April on, one an hour; every seventh never arrives."""
    late = np.random.default_rng(1).random(COUNT) < 0.3
    start = int(datetime(2013, 4, 1, tzinfo=UTC).timestamp())
    departures = pa.array((start + 3600 * np.arange(COUNT)) * 1_000_000).cast(pa.timestamp("us", "UTC"))
    return pa.table({"scheduled_departure": departures, "late": pa.array(late, mask=np.arange(COUNT) % 7 == 0)})


def test_both_are_measured_on_the_flights_that_arrived_and_that_both_spoke_of(flights: pa.Table) -> None:
    draw = np.random.default_rng(2)
    first, live = draw.random(COUNT), draw.random(COUNT)
    live[:500] = np.nan
    may = compare("auc", flights, first, live)[1]
    instants = flights["scheduled_departure"].to_pylist()
    late = flights["late"].to_pylist()
    rows = [i for i in range(COUNT) if instants[i].month == 5 and late[i] is not None and not np.isnan(live[i])]
    assert (may.month, may.flights) == ("2013-05", len(rows))
    assert may.first == pytest.approx(roc_auc_score([late[i] for i in rows], first[rows]))
    assert may.current == pytest.approx(roc_auc_score([late[i] for i in rows], live[rows]))


def test_a_model_that_knows_is_better_than_one_that_guesses(flights: pa.Table) -> None:
    truth = flights["late"].cast(pa.float64()).to_numpy()
    for month in compare("auc", flights, np.random.default_rng(5).random(COUNT), np.nan_to_num(truth)):
        assert month.current == 1.0
        assert 0.4 < month.first < 0.6


def test_a_month_in_which_no_flight_was_late_is_left_out(flights: pa.Table) -> None:
    said = np.full(COUNT, 0.5)
    april = np.array([moment.month == 4 for moment in flights["scheduled_departure"].to_pylist()])
    late = pa.array(np.where(april, False, flights["late"].fill_null(False).to_numpy()))
    quiet = flights.set_column(1, "late", late)
    assert [month.month for month in compare("auc", quiet, said, said)] == ["2013-05", "2013-06", "2013-07"]
