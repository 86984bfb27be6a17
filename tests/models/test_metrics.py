"""Metrics are scikit-learn's, to the last digits."""

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.errors import DataViolation, Undecided
from shipworthy.models.metrics import HIGHER_IS_BETTER, better, measure, worse_by

BINARY = ("no", "yes")
# Few distinct scores, so that ties are the rule.
SCORED = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=1)
SEVERAL = st.lists(st.tuples(st.integers(0, 2), *[st.integers(1, 9)] * 3), min_size=1)
PAIRS = st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=1)


def _binary(rows):
    codes, positive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return codes, np.array(BINARY, dtype=object)[codes], np.column_stack([1 - positive, positive])


@given(SCORED)
def test_metrics_of_two_classes(rows):
    """With ties: auc, log_loss, brier, accuracy and f1 of the second class."""
    codes, target, values = _binary(rows)
    said = values.argmax(axis=1)
    assert measure("accuracy", target, values, BINARY) == pytest.approx(reference.accuracy_score(codes, said))
    assert measure("f1", target, values, BINARY) == pytest.approx(reference.f1_score(codes, said, zero_division=0))
    expected = reference.log_loss(codes, values, labels=[0, 1])
    assert measure("log_loss", target, values, BINARY) == pytest.approx(expected)
    expected = reference.brier_score_loss(codes, values[:, 1], labels=[0, 1])
    assert measure("brier", target, values, BINARY) == pytest.approx(expected)
    if len(set(codes)) == 2:
        assert measure("auc", target, values, BINARY) == pytest.approx(reference.roc_auc_score(codes, values[:, 1]))
    else:
        with pytest.raises(Undecided, match=r"auc of .* has no value"):
            measure("auc", target, values, BINARY)


@given(SEVERAL)
def test_metrics_of_several_classes(rows):
    """One against the rest, averaged over classes without weights."""
    classes = (3, 5, 9)
    target = np.array(classes)[[row[0] for row in rows]]
    values = np.array([row[1:] for row in rows], dtype=float)
    values /= values.sum(axis=1, keepdims=True)
    said = np.array(classes)[values.argmax(axis=1)]
    assert measure("accuracy", target, values, classes) == pytest.approx(reference.accuracy_score(target, said))
    assert measure("f1", target, values, classes) == pytest.approx(reference.f1_score(target, said, average="macro"))
    expected = reference.log_loss(target, values, labels=classes)
    assert measure("log_loss", target, values, classes) == pytest.approx(expected)
    expected = reference.brier_score_loss(target, values, labels=classes)
    assert measure("brier", target, values, classes) == pytest.approx(expected)
    if len(set(target)) == 3:
        expected = reference.roc_auc_score(target, values, multi_class="ovr")
        assert measure("auc", target, values, classes) == pytest.approx(expected)


@given(PAIRS)
def test_metrics_of_regression(rows):
    """mae, rmse and r2."""
    target, predicted = np.array(rows).T
    values = predicted.reshape(-1, 1)
    assert measure("mae", target, values, ()) == pytest.approx(reference.mean_absolute_error(target, predicted))
    expected = reference.root_mean_squared_error(target, predicted)
    assert measure("rmse", target, values, ()) == pytest.approx(expected)
    if np.ptp(target) > 1e-3:
        assert measure("r2", target, values, ()) == pytest.approx(reference.r2_score(target, predicted), rel=1e-9)


def test_no_value_is_made_up():
    """No rows, a constant target, a label that is no class: said, never scored."""
    half = np.full((2, 2), 0.5)
    with pytest.raises(Undecided, match="rmse of no rows"):
        measure("rmse", np.array([]), np.empty((0, 1)), ())
    with pytest.raises(Undecided, match="target is the same"):
        measure("r2", np.array([1.0, 1.0]), half[:, :1], ())
    with pytest.raises(DataViolation, match=r"1 labels are none of the model's classes .*'maybe'"):
        measure("log_loss", np.array(["yes", "maybe"], dtype=object), half, BINARY)


@pytest.mark.parametrize("metric", ["auc", "log_loss", "brier", "accuracy", "f1", "mae", "rmse", "r2"])
def test_better_and_worse_agree(metric):
    """The better of two is the one that is worse by less than nothing."""
    high, low = 0.75, 0.5
    assert better(metric, high, low) == (metric in HIGHER_IS_BETTER)
    assert better(metric, high, low) == (worse_by(metric, high, low) < 0)
    assert abs(worse_by(metric, high, low)) == 0.25
    assert not better(metric, high, high)
