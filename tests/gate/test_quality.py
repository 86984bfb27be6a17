"""Quality is measured by us, for candidate, baseline and live release on the same rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import Gate
from shipworthy.errors import Undecided
from shipworthy.gate import baseline
from shipworthy.gate.checks.quality import HeldOut, quality

TARGET = np.array([0, 0, 0, 1, 1, 1])


def answers(scores):
    positive = np.asarray(scores, dtype=np.float64)
    return np.column_stack([1 - positive, positive])


PERFECT = answers([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
GOOD = answers([0.1, 0.2, 0.75, 0.7, 0.8, 0.9])  # 8 of 9 pairs in order
POOR = answers([0.1, 0.8, 0.7, 0.3, 0.75, 0.9])  # 6 of 9
PRIOR = answers([0.5] * 6)


def held_out(candidate, live=None, base=PRIOR):
    return HeldOut(TARGET, (0, 1), candidate, base, live, (0, 1))


def regression(candidate, base, live=None):
    column = [None if a is None else np.array(a, dtype=np.float64).reshape(-1, 1) for a in (candidate, base, live)]
    return HeldOut(np.array([1.0, 2.0, 3.0]), (), column[0], column[1], column[2], ())


def test_a_model_that_beats_all_passes_with_its_figures():
    verdict = quality(Gate(minimum=0.6), held_out(PERFECT, live=GOOD), "prior")
    assert verdict.outcome == "passed"
    assert verdict.figures["candidate"] == 1.0
    assert verdict.figures["baseline"] == 0.5
    assert verdict.figures["live"] == pytest.approx(8 / 9)
    assert "on the newest 6 labelled rows" in verdict.reason


def test_below_the_minimum_is_blocked():
    verdict = quality(Gate(minimum=0.7), held_out(POOR), "prior")
    assert verdict.outcome == "blocked"
    assert "auc 0.6667 is below the minimum of 0.7" in verdict.reason


def test_exactly_the_minimum_is_enough():
    assert quality(Gate(minimum=1.0), held_out(PERFECT), "prior").outcome == "passed"


def test_no_better_than_the_baseline_is_blocked_naming_it():
    verdict = quality(Gate(), held_out(PRIOR), "prior")
    assert verdict.outcome == "blocked"
    assert "auc 0.5 does not beat 0.5 of the baseline 'prior'" in verdict.reason


@pytest.mark.parametrize(("margin", "outcome"), [(0.2, "blocked"), (0.34, "passed")])
def test_worse_than_the_live_release_is_let_through_up_to_the_margin(margin, outcome):
    assert quality(Gate(margin=margin), held_out(POOR, live=PERFECT), "prior").outcome == outcome


def test_every_reason_to_block_is_given_at_once():
    verdict = quality(Gate(minimum=0.99), held_out(POOR, live=PERFECT, base=GOOD), "distance")
    assert all(words in verdict.reason for words in ("below the minimum", "does not beat", "worse than 1 of the live"))


@pytest.mark.parametrize(("minimum", "outcome"), [(0.5, "passed"), (0.05, "blocked")])
def test_for_errors_smaller_is_better_and_the_minimum_is_a_maximum(minimum, outcome):
    rows = regression([1.1, 2.1, 3.1], base=[2, 2, 2], live=[1.1, 2.1, 3.1])
    verdict = quality(Gate(metric="mae", minimum=minimum), rows, "prior")
    assert verdict.outcome == outcome
    assert ("above the maximum" in verdict.reason) == (outcome == "blocked")


def test_a_worse_error_than_the_live_release_is_blocked():
    verdict = quality(Gate(metric="rmse"), regression([1.5, 2.5, 3.5], base=[9, 9, 9], live=[1, 2, 3]), "prior")
    assert "rmse 0.5 is worse than 0 of the live release by 0.5" in verdict.reason


@pytest.mark.parametrize(
    "rows",
    [
        None,
        HeldOut(TARGET[:0], (0, 1), PERFECT[:0], PRIOR[:0], None, ()),
        HeldOut(np.zeros(6, dtype=int), (0, 1), PERFECT, PRIOR, None, ()),  # auc of one class
        HeldOut(np.full(6, 2), (0, 1), PERFECT, PRIOR, None, ()),  # a label that is no class
    ],
)
def test_what_cannot_be_measured_is_undecided(rows):
    assert quality(Gate(), rows, "prior").outcome == "undecided"


def test_answers_that_are_no_numbers_never_pass():
    rows = regression([1, np.nan, 3], base=[9, 9, 9])
    assert quality(Gate(metric="mae"), rows, "prior").outcome == "undecided"


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1), st.integers(0, 5))
def test_the_prior_answers_with_the_shares_of_the_history(labels, rows):
    found = baseline.prior(np.array(labels, dtype=object), ("a", "b", "c"), rows)
    assert found.shape == (rows, 3)
    for row in found:
        assert row == pytest.approx([labels.count(name) / len(labels) for name in "abc"])


def test_the_prior_of_a_regression_is_the_mean():
    assert baseline.prior(np.array([1.0, 3.0]), (), 2).tolist() == [[2.0], [2.0]]


def test_the_last_value_is_that_of_the_row_before():
    found = baseline.last_value(np.array([0, 1]), np.array([0, 0, 1]), (0, 1))
    assert found.tolist() == [[0, 1], [1, 0], [1, 0]]
    assert baseline.last_value(np.array([9.0]), np.array([1.0, 2.0]), ()).tolist() == [[9.0], [1.0]]


def test_a_feature_as_the_score_gives_its_mean_where_it_is_null():
    assert baseline.feature("x", np.array([1.0, np.nan, 3.0]), ()).tolist() == [[1.0], [2.0], [3.0]]
    assert baseline.feature("x", np.array([0.25, 0.75]), (0, 1)).tolist() == [[0.75, 0.25], [0.25, 0.75]]


@pytest.mark.parametrize(
    ("values", "classes", "message"),
    [
        (np.array(["UA", "DL"], dtype=object), (0, 1), "not a numeric feature"),
        (np.array([1.0]), (0, 1, 2), "cannot tell 3 classes apart"),
        (np.array([np.nan]), (0, 1), "no value in any"),
    ],
)
def test_a_feature_that_cannot_be_a_score_is_told(values, classes, message):
    with pytest.raises(Undecided, match=message):
        baseline.feature("x", values, classes)


def test_a_baseline_without_a_history_is_told():
    with pytest.raises(Undecided, match="needs labels of the history"):
        baseline.prior(np.array([]), (0, 1), 3)
