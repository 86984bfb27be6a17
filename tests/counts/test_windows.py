"""Counts: the same rows give the same bytes, however they are split, ordered and added up."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.counts import reference as references
from shipworthy.counts import windows
from shipworthy.counts.packing import pack, unpack
from shipworthy.counts.tabulation import By
from shipworthy.errors import WrongUse

FEATURES = (
    Feature(name="carrier", type="category"),
    Feature(name="wind", type="float", nullable=True),
    Feature(name="when", type="timestamp"),
)
DAY = clock.DAY


def rows(count, seed, classes=2):
    rng = np.random.default_rng(seed)
    carrier = np.array(["AA", "UA", "WN"], dtype=object)[rng.integers(0, 3, count)]
    wind = np.where(rng.random(count) < 0.1, np.nan, rng.gamma(2, 4, count))
    when = rng.integers(0, 10 * DAY, count)
    raw = rng.random((count, classes))
    return [carrier, wind, when], raw / raw.sum(1, keepdims=True) if classes > 1 else raw


def reference(classes=2, by=None):
    columns, answers = rows(500, 0, classes)
    times = np.linspace(0, 20 * DAY, 500).astype(np.int64)
    return references.build(FEATURES, columns, times, answers, times, window=DAY, event_time="when", by=by)


REFERENCE = reference()
BY_HOUR = reference(by=By("hour-of-week"))
BY_CARRIER = reference(by=By("segment", "carrier"))


def counted(columns, answers, chosen=slice(None)):
    return windows.count(REFERENCE, [column[chosen] for column in columns], answers[chosen])


def test_the_event_time_is_not_watched_and_the_answers_are():
    assert [payoff.name for payoff in REFERENCE.payoffs] == ["carrier", "wind", "score", "confidence"]
    assert [payoff.name for payoff in reference(1).payoffs] == ["carrier", "wind", "prediction"]


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 200), seed=st.integers(0, 99), parts=st.integers(1, 7))
def test_any_split_in_any_order_adds_up_to_the_same_bytes(count, seed, parts):
    columns, answers = rows(count, seed)
    whole = counted(columns, answers)
    order = np.random.default_rng(seed).permutation(count)
    pieces = [counted(columns, answers, part) for part in np.array_split(order, parts)]
    total = windows.empty(REFERENCE)
    for piece in pieces:
        total = windows.add(total, piece)
    assert windows.encode(total) == windows.encode(whole)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), min_size=3, max_size=3))
def test_adding_is_associative_and_commutative_with_refusals_too(refused):
    columns, answers = rows(30, 5)
    a, b, c = (windows.add(counted(columns, answers), windows.refusals(REFERENCE, r)) for r in refused)
    assert windows.add(windows.add(a, b), c) == windows.add(a, windows.add(b, c))
    assert windows.encode(windows.add(a, b)) == windows.encode(windows.add(b, a))


def test_every_payoff_counts_every_row_and_scores_add_up():
    columns, answers = rows(1_000, 3)
    found = counted(columns, answers)
    assert {int(part.sum()) for part in found.of_payoffs(REFERENCE)} == {1_000}
    for part in found.scores_of_payoffs(REFERENCE):
        assert part.sum() == pytest.approx(answers[:, 1].sum(), abs=1e-3)


def test_rows_are_counted_in_the_windows_they_belong_to_with_their_flags():
    columns, answers = rows(6, 4)
    starts = np.array([0, DAY, 0, DAY, DAY, 0])
    late = np.array([False, True, False, False, False, False])
    found = windows.count_by_window(
        REFERENCE, starts, columns, answers, late=late, flags=[(1, "wind"), (3, "wind"), (0, "carrier")]
    )
    assert {start: (c.rows, c.late, c.violations) for start, c in found.items()} == {
        0: (3, 0, {"carrier": 1}),
        DAY: (3, 1, {"wind": 2}),
    }
    assert found[0].cells == counted(columns, answers, [0, 2, 5]).cells


def test_bytes_read_back_as_they_were():
    columns, answers = rows(50, 6)
    found = windows.add(counted(columns, answers), windows.refusals(REFERENCE, {"wind": 2}))
    assert windows.decode(windows.encode(found)) == found


def test_counts_in_other_bins_are_not_added():
    with pytest.raises(WrongUse, match="two references"):
        windows.add(windows.empty(REFERENCE), windows.empty(reference(1)))


def test_scores_out_of_scale_and_missing_ones_break_nothing():
    one = reference(1)
    columns, _ = rows(3, 7)
    found = windows.count(one, columns, np.array([[np.inf], [-np.inf], [np.nan]]))
    assert found.scores_of_payoffs(one)[0].sum() == pytest.approx(one.score_high - one.score_low)


@given(
    st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=50), st.integers(1, 10**15), st.integers(0, 10**16)
)
def test_a_late_row_goes_to_the_first_open_window_and_no_other_row_moves(times, window, lateness):
    open_from = windows.first_open(max(times), window, lateness)
    assert open_from + window > max(times) - lateness >= open_from
    starts, late = windows.place(np.array(times), window, open_from)
    for time, start, is_late in zip(times, starts, late, strict=True):
        assert start == open_from if is_late else start <= time < start + window
        assert is_late == (time - time % window + window <= max(times) - lateness)


def test_the_first_rows_ever_are_never_late():
    starts, late = windows.place(np.array([5 * DAY + 7]), DAY, None)
    assert starts.tolist() == [5 * DAY]
    assert not late.any()


@pytest.mark.parametrize("compared", [BY_HOUR, BY_CARRIER], ids=["hours of the week", "segments"])
@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 200), seed=st.integers(0, 99), parts=st.integers(1, 7))
def test_slots_add_up_to_the_same_bytes_in_any_split_and_order_too(compared, count, seed, parts):
    columns, answers = rows(count, seed)
    times = columns[2]
    order = np.random.default_rng(seed).permutation(count)

    def counted(chosen):
        return windows.count(compared, [column[chosen] for column in columns], answers[chosen], times[chosen])

    whole, total = counted(slice(None)), windows.empty(compared)
    for part in np.array_split(order, parts):
        total = windows.add(counted(part), total)
    assert windows.encode(total) == windows.encode(whole)
    slots, tables = whole.slots_of_payoffs(compared)
    assert slots == sorted(slots)
    for table, together in zip(tables, whole.of_payoffs(compared), strict=True):
        assert table.sum(axis=0).tolist() == together.tolist()
        assert table.any(axis=1).all()


def test_a_row_that_came_late_keeps_its_own_slot():
    columns, answers = rows(1, 1)
    found = windows.count_by_window(BY_HOUR, np.array([3 * DAY]), columns, answers, times=np.array([2 * clock.HOUR]))
    assert [slot for slot, _ in found[3 * DAY].by_slot] == [3 * 24 + 2]  # a Thursday, at two


def test_counts_by_slots_and_without_are_not_added():
    with pytest.raises(WrongUse, match="two references"):
        windows.add(windows.empty(REFERENCE), windows.empty(BY_HOUR))


def test_counts_of_before_there_were_slots_are_read():
    columns, answers = rows(50, 6)
    found = counted(columns, answers)
    names = [field for field in found.__struct_fields__ if field != "by_slot"]
    old = msgspec.msgpack.encode({name: getattr(found, name) for name in names})
    assert windows.decode(old) == found


def test_a_reference_counts_its_rows_by_window_and_slot():
    wind = BY_HOUR.payoffs[1]
    table = unpack(wind.by_cell, len(BY_HOUR.history.cells), wind.bins.size)
    assert table.sum(axis=0).tolist() == list(wind.counts)
    assert sum(BY_HOUR.slots.rows) == 500
    by_window = np.zeros((len(BY_HOUR.history.windows), wind.bins.size), dtype=np.int64)
    np.add.at(by_window, [place for place, _ in BY_HOUR.history.cells], table)
    assert by_window.tolist() == [list(row) for row in wind.by_window]


@given(st.lists(st.lists(st.integers(0, 2**40), min_size=4, max_size=4), max_size=5))
def test_packed_numbers_are_what_they_were(rows):
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    assert unpack(pack(table), len(table), 4).tolist() == table.tolist()
