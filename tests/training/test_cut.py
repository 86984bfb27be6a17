"""History and holdout."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import DataSource, Retraining
from shipworthy.errors import DataViolation, WrongUse
from shipworthy.training.cut import again, before, cut

TIMED = DataSource(name="flights", kind="file", location="x", target="late", time="at")
PLAIN = DataSource(name="flights", kind="file", location="x", target="late")


def table(times, labels=None) -> pa.Table:
    return pa.table({"at": pa.array(times), "late": pa.array(labels if labels is not None else [True] * len(times))})


def test_durations_count_back_from_the_newest_labelled_row():
    rows = table([50, 10, 90, 70, 100, 30, 80, 999], [True, True, True, True, True, True, True, None])
    parts = cut(rows, TIMED, Retraining(history=60, holdout=21))
    assert parts.holdout["at"].to_pylist() == [80, 90, 100]
    assert parts.history["at"].to_pylist() == [30, 50, 70]
    assert (parts.cut.start, parts.cut.split, parts.cut.end) == (20, 80, 101)
    assert (parts.cut.history_rows, parts.cut.holdout_rows, parts.cut.unlabelled_rows) == (3, 3, 1)


def test_without_durations_the_newest_fifth_is_held_out():
    parts = cut(table(list(range(100))[::-1]), TIMED, Retraining())
    assert parts.holdout["at"].to_pylist() == list(range(80, 100))
    assert parts.history.num_rows == 80


def test_without_a_time_the_last_fifth_of_rows_is_held_out():
    parts = cut(table([5, 4, 3, 2, 1]), PLAIN, Retraining(holdout=1))
    assert parts.history["at"].to_pylist() == [5, 4, 3, 2]
    assert (parts.cut.column, parts.cut.split) == (None, None)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime.datetime(2020, 1, day, tzinfo=datetime.UTC) for day in (1, 2, 3)]),
        pa.array([datetime.datetime(2020, 1, day) for day in (1, 2, 3)]),  # noqa: DTZ001
        pa.array([datetime.date(2020, 1, day) for day in (1, 2, 3)]),
        pa.array(["2020-01-01", "2020-01-02T00:00:00", "2020-01-03"]),
    ],
)
def test_times_of_any_type_are_instants_in_utc(times):
    parts = cut(table(times), TIMED, Retraining(holdout=86_400_000_000_000))
    assert parts.cut.end == 1_578_009_600_000_000_001
    assert parts.cut.holdout_rows == 1


@given(
    st.lists(st.tuples(st.integers(0, 1000), st.sampled_from([True, False, None])), min_size=1),
    st.integers(1, 500) | st.none(),
    st.integers(1, 500) | st.none(),
    st.sampled_from([TIMED, PLAIN]),
)
def test_no_row_of_history_is_newer_than_one_held_out_and_the_record_cuts_the_same(rows, history, holdout, source):
    times, labels = zip(*rows, strict=True)
    given_rows = table(times, pa.array(labels, pa.bool_()))
    try:
        parts = cut(given_rows, source, Retraining(history=history, holdout=holdout))
    except WrongUse:
        return
    if source.time:
        assert max(parts.history["at"].to_pylist()) < min(parts.holdout["at"].to_pylist())
    assert parts.cut.unlabelled_rows == labels.count(None)
    repeated = again(given_rows, source, parts.cut)
    assert repeated.cut == parts.cut
    assert repeated.history.equals(parts.history)
    assert repeated.holdout.equals(parts.holdout)


def test_rows_of_one_instant_keep_their_order():
    rows = pa.table({"at": [2, 1, 1, 1, 3], "late": [True] * 5, "n": [0, 1, 2, 3, 4]})
    assert cut(rows, TIMED, Retraining(holdout=1)).history["n"].to_pylist() == [1, 2, 3, 0]


def test_another_source_ends_where_history_does():
    parts = cut(table(list(range(10))), TIMED, Retraining(holdout=3))
    weather = DataSource(name="weather", kind="file", location="y", time="seen")
    found = before(pa.table({"seen": np.arange(12)[::-1]}), weather, parts.cut)
    assert found["seen"].to_pylist() == list(range(7))


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        (table([1, 2], pa.array([None, None], pa.bool_())), WrongUse, "none of 2 rows has a label in 'late'"),
        (table([1, 1]), WrongUse, "history is empty.*retraining.history"),
        (table([1, None, 2]), DataViolation, "flights: at: 1 labelled rows have no time, the first is row 1"),
        (table(["yesterday", "today"]), DataViolation, "expected times, dates"),
        (pa.table({"late": [True]}), DataViolation, "no column 'at' for the time; there are late"),
        (pa.table({"at": [1]}), DataViolation, "no column 'late' for the target; there are at"),
    ],
)
def test_what_cannot_be_cut_is_told(rows, error, said):
    with pytest.raises(error, match=said):
        cut(rows, TIMED, Retraining())
