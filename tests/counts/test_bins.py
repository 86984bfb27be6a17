"""Bins: every value falls into exactly one, heavy values into their own, and nothing is lost at the ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.counts import bins
from shipworthy.models.records import NULL_TIMESTAMP

NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=300)


def texts(*values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def words(cells, *values):
    return [cells.labels[code] for code in bins.assign(cells, np.array(values, dtype=np.float64))]


def slowly(cells, value):
    """The bin of one number, by the definition."""
    if np.isnan(value):
        return cells.size - 1
    return cells.codes[sum(value >= edge for edge in cells.edges)]


def test_a_value_that_is_mostly_zero_keeps_its_zero_apart_and_still_splits_the_rest():
    rain = np.concatenate([np.zeros(9_000), np.linspace(0.01, 2, 1_000)])
    cells = bins.build("float", rain)
    counts = np.bincount(bins.assign(cells, rain), minlength=cells.size)
    assert counts[cells.labels.index("0")] == 9_000
    assert np.count_nonzero(counts) > 10
    assert counts[counts != 9_000].max() <= 100


def test_values_beyond_the_reference_fall_under_over_between_and_null():
    cells = bins.build("integer", np.repeat([1, 2, 5], 100))
    assert words(cells, 0, 1, 2, 3, 5, 6, np.inf, -np.inf, np.nan) == [
        "under 1", "1", "2", "between", "5", "over 5", "over 5", "under 1", "null",
    ]  # fmt: skip


def test_a_continuous_reference_fills_equal_bins_and_none_of_the_outer_ones():
    values = np.random.default_rng(1).normal(size=20_000)
    cells = bins.build("float", values)
    counts = np.bincount(bins.assign(cells, values), minlength=cells.size)
    assert counts[1:-2].tolist() == [1_000] * 20
    assert counts[[0, -2, -1]].tolist() == [0, 0, 0]


def test_rare_categories_share_a_bin_and_unseen_ones_have_another():
    carriers = [f"c{i:02d}" for i in range(30) for _ in range(100 - i)]
    cells = bins.build("category", texts(*carriers))
    codes = bins.assign(cells, texts("c00", "c19", "c25", "elsewhere", None))
    assert [cells.labels[code] for code in codes] == ["c00", "c19", "other", "new", "null"]


def test_a_reference_of_very_many_categories_calls_nothing_new():
    cells = bins.build("category", texts(*[f"v{i}" for i in range(1_000)], *["heavy"] * 10))
    codes = bins.assign(cells, texts("v999", "elsewhere", "heavy"))
    assert [cells.labels[code] for code in codes] == ["other", "other", "heavy"]


def test_booleans_with_and_without_nulls():
    cells = bins.build("boolean", np.array([True]))
    assert bins.assign(cells, np.array([True, False])).tolist() == [1, 0]
    assert bins.assign(cells, np.array([1.0, 0.0, np.nan])).tolist() == [1, 0, 2]


def test_a_timestamp_without_value_is_null():
    cells = bins.build("timestamp", np.arange(100, dtype=np.int64))
    assert cells.labels[bins.assign(cells, np.array([NULL_TIMESTAMP], dtype=np.int64))[0]] == "null"


def test_a_reference_without_any_value_tells_numbers_from_null():
    cells = bins.build("float", np.full(5, np.nan))
    assert words(cells, 3, np.nan) == ["any number", "null"]


@given(reference=NUMBERS, values=NUMBERS)
def test_every_number_has_the_bin_that_the_definition_gives_it(reference, values):
    cells = bins.build("float", np.array(reference))
    codes = bins.assign(cells, np.array(values))
    assert codes.tolist() == [slowly(cells, value) for value in values]
    assert codes.max() < cells.size


@given(reference=NUMBERS, seed=st.integers(0, 9))
def test_the_order_of_rows_changes_no_bin(reference, seed):
    values = np.array(reference)
    shuffled = np.random.default_rng(seed).permutation(values)
    assert bins.build("float", values) == bins.build("float", shuffled)


@given(st.lists(st.one_of(st.none(), st.sampled_from("abcdefghijklmnopqrstuvwxyz")), min_size=1, max_size=200))
def test_no_row_of_the_reference_is_new_to_it(values):
    column = texts(*values)
    cells = bins.build("category", column)
    assert "new" not in {cells.labels[code] for code in bins.assign(cells, column)}


def test_bins_of_more_rows_than_a_block_agree_with_those_of_few():
    values = np.random.default_rng(2).normal(size=150_000)
    cells = bins.build("float", values[:1_000])
    assert np.array_equal(bins.assign(cells, values)[-5:], bins.assign(cells, values[-5:]))


@pytest.mark.parametrize("values", [np.array([-0.0, 0.0, 0.0, 1.0]), np.array([1e308, -1e308, 1e308]), np.zeros(3)])
def test_awkward_numbers_fill_no_outer_bin(values):
    cells = bins.build("float", values)
    assert {cells.labels[code] for code in bins.assign(cells, values)}.isdisjoint({cells.labels[0], "null", "between"})
