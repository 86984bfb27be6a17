"""One weighted pass over blocks gives the whole numbers that counting rows and adding scores one by one does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.counts import bins
from shipworthy.counts.outputs import UNIT, watched, whole_scores
from shipworthy.counts.tallying import Rows

NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=60)


def plainly(windows, scores, cells, values):
    """(2, windows, bins) by the definition: a loop over rows, in Python's own whole numbers."""
    starts = sorted(set(windows.tolist()))
    found = np.zeros((2, len(starts), cells.size), dtype=object)
    for window, score, code in zip(windows.tolist(), scores.tolist(), bins.assign(cells, values).tolist(), strict=True):
        found[0, starts.index(window), code] += 1
        found[1, starts.index(window), code] += int(score)
    return starts, found.astype(np.int64)


@settings(max_examples=60, deadline=None)
@given(reference=NUMBERS, values=NUMBERS, seed=st.integers(0, 99), spread=st.sampled_from([1, 3, 10**15]))
def test_rows_and_scores_of_every_bin_and_window_are_those_of_the_definition(reference, values, seed, spread):
    rng = np.random.default_rng(seed)
    windows = rng.integers(-spread, spread, len(values))
    scores = rng.integers(0, UNIT + 1, len(values)).astype(np.float64)
    cells = bins.build("float", np.array(reference))
    together = Rows(windows, scores)
    starts, expected = plainly(windows, scores, cells, np.array(values))
    assert together.starts.tolist() == starts
    assert together.tally(cells, np.array(values)).tolist() == expected.tolist()
    assert together.per_window().tolist() == expected[0].sum(axis=1).tolist()


@pytest.mark.parametrize("windows", [1, 7, 40_000], ids=["one window", "a few", "more cells than a block has rows"])
def test_many_rows_with_the_largest_scores_lose_nothing(windows):
    count = 3 * bins.BLOCK + 17
    rng = np.random.default_rng(windows)
    values = np.where(rng.random(count) < 0.05, np.nan, rng.normal(size=count))
    of_rows, scores = rng.integers(0, windows, count), np.full(count, float(UNIT))
    cells = bins.build("float", values[:2_000])
    found = Rows(of_rows, scores).tally(cells, values)
    starts = np.unique(of_rows)
    keys = np.searchsorted(starts, of_rows) * cells.size + bins.assign(cells, values)
    rows = np.bincount(keys, minlength=len(starts) * cells.size).reshape(len(starts), cells.size)
    assert np.array_equal(found, [rows, rows * UNIT])


def test_no_rows_fill_no_window():
    together = Rows(np.zeros(0, dtype=np.int64), np.zeros(0))
    assert together.tally(bins.build("float", np.zeros(1)), np.zeros(0)).shape == (2, 0, 4)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=20))
def test_scores_beyond_the_scale_count_as_its_end_and_none_as_its_beginning(values):
    found = whole_scores(np.array(values), 0.0, 1.0).tolist()
    assert found == [0 if value != value else round(min(max(value, 0.0), 1.0) * UNIT) for value in values]


def test_the_highest_probability_of_several_classes_is_found_by_row():
    answers = np.random.default_rng(0).random((50, 4))
    answers[3, 2] = np.nan
    highest = dict(watched(answers))["confidence"]
    assert np.array_equal(highest, answers.max(axis=1), equal_nan=True)
