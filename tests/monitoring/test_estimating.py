"""Quality without labels: right where inputs explain it, honest about its error, and blind where it has to be."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.contract.records import Feature
from shipworthy.errors import Undecided
from shipworthy.models.metrics import measure
from shipworthy.monitoring.assessing import Place, Rows, assessed
from shipworthy.monitoring.basis import HeldRows, based
from shipworthy.monitoring.calibration import calibrate
from shipworthy.monitoring.expecting import expected
from shipworthy.monitoring.loss_model import STEPS, learn

CLASSIFICATION = ("auc", "log_loss", "brier", "accuracy", "f1")
FEATURES = (Feature(name="carrier", type="category"), Feature(name="wind", type="float"))
ROWS = 500
DAYS = 30
SCORES = st.integers(1, 9).map(lambda tenth: tenth / 10)


def answers_of(scores):
    positive = np.array(scores)
    return np.column_stack([1 - positive, positive])


@pytest.mark.parametrize("metric", CLASSIFICATION)
@given(st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=1))
def test_with_chances_that_are_certain_the_expected_metric_is_the_metric(metric, rows):
    labels = np.array([label for label, _ in rows])
    answers = answers_of([score for _, score in rows])
    found = expected(metric, np.eye(2)[labels], answers)
    try:
        assert found == pytest.approx(measure(metric, labels, answers, (0, 1)))
    except Undecided:
        assert found is None


@pytest.mark.parametrize("metric", CLASSIFICATION)
@given(st.lists(st.tuples(st.integers(0, 2), *[st.integers(1, 9)] * 3), min_size=1))
def test_of_several_classes_too(metric, rows):
    labels = np.array([row[0] for row in rows])
    answers = np.array([row[1:] for row in rows], dtype=float)
    answers /= answers.sum(axis=1, keepdims=True)
    found = expected(metric, np.eye(3)[labels], answers)
    try:
        assert found == pytest.approx(measure(metric, labels, answers, (0, 1, 2)))
    except Undecided:
        assert found is None


@pytest.mark.parametrize("metric", ["log_loss", "brier", "accuracy"])
@given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=5))
def test_the_expected_metric_is_its_mean_over_all_labels_that_there_might_be(metric, rows):
    chances, answers = answers_of([chance for chance, _ in rows]), answers_of([score for _, score in rows])
    total = 0.0
    for labels in itertools.product((0, 1), repeat=len(rows)):
        weight = np.prod(chances[np.arange(len(rows)), labels])
        total += weight * measure(metric, np.array(labels), answers, (0, 1))
    assert expected(metric, chances, answers) == pytest.approx(total)


@given(st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=5))
def test_the_expected_auc_is_expected_pairs_in_order_over_expected_pairs(rows):
    chances, answers = answers_of([chance for chance, _ in rows]), answers_of([score for _, score in rows])
    ordered = pairs = 0.0
    for labels in itertools.product((0, 1), repeat=len(rows)):
        weight = np.prod(chances[np.arange(len(rows)), labels])
        for one, other in itertools.permutations(range(len(rows)), 2):
            if labels[one] == 1 and labels[other] == 0:
                pairs += weight
                ordered += weight * (np.sign(answers[one, 1] - answers[other, 1]) + 1) / 2
    assert expected("auc", chances, answers) == pytest.approx(ordered / pairs)


@given(st.lists(st.tuples(st.integers(0, 1), SCORES), min_size=1, max_size=300))
def test_a_calibrated_chance_never_falls_with_the_score(rows):
    found = calibrate(answers_of([score for _, score in rows]), np.array([label for label, _ in rows]))
    chances = found.chances(answers_of(np.linspace(0, 1, 101)))
    assert (np.diff(chances[:, 1]) >= -1e-12).all()
    assert ((chances >= 0) & (chances <= 1)).all()
    assert chances.sum(axis=1) == pytest.approx(1)


def of_a_day(day, spread=1.0, concept=0.0):
    """Scores that are far too sure of themselves; `concept` changes what the wind means."""
    rng = np.random.default_rng([day, 7])
    wind = rng.normal(0, spread, ROWS)
    carrier = np.array(["AA", "UA"], dtype=object)[rng.integers(0, 2, ROWS)]
    late = rng.random(ROWS) < 1 / (1 + np.exp(-(1.5 - concept) * wind))
    said = 1 / (1 + np.exp(-3 * wind))
    return {"carrier": carrier, "wind": wind}, answers_of(said), late.astype(object)


def numbers_of_a_day(day, share=0.5):
    """Predictions that are worse for one carrier, and in strong wind."""
    rng = np.random.default_rng([day, 8])
    wind = rng.normal(0, 1, ROWS)
    carrier = np.array(["AA", "UA"], dtype=object)[(rng.random(ROWS) < share).astype(int)]
    noise = np.where(carrier == "UA", 2.0, 0.5) * (1 + np.abs(wind))
    return {"carrier": carrier, "wind": wind}, 3 * wind[:, None], 3 * wind + noise * rng.normal(size=ROWS)


def basis_of(metric, make, classes, slices=()):
    days = [make(day) for day in range(DAYS)]
    held = HeldRows(
        target=np.concatenate([target for _, _, target in days]),
        answers=np.concatenate([answers for _, answers, _ in days]),
        windows=np.repeat(np.arange(DAYS), ROWS),
        columns={name: np.concatenate([columns[name] for columns, _, _ in days]) for name in ("carrier", "wind")},
    )
    return based(metric, classes, FEATURES, held, slices)


def said_of(basis, columns, answers, target):
    codes = basis.codes({name: pa.chunked_array([list(column)]) for name, column in columns.items()}, len(answers))
    return assessed(basis, Place(1, 0, 1, ""), Rows(answers, codes, np.ones(len(answers), dtype=bool), target))


def misses(basis, make, days=40, **how):
    """(estimate less value) in standard errors, and both means."""
    found = [said_of(basis, *make(1_000 + day, **how)) for day in range(days)]
    values, estimates = np.array([one.value for one in found]), np.array([one.estimated.value for one in found])
    errors = np.array([one.estimated.error for one in found])
    return (estimates - values) / errors, values.mean(), estimates.mean()


@pytest.mark.parametrize("metric", CLASSIFICATION)
def test_estimates_of_scores_that_are_too_sure_are_right_and_as_far_off_as_they_say(metric):
    basis = basis_of(metric, of_a_day, (False, True))
    off, value, estimate = misses(basis, of_a_day)
    assert estimate == pytest.approx(value, rel=0.02)
    assert 0.6 < off.std() < 1.6
    assert (np.abs(off) < 3.5).all()


@pytest.mark.parametrize("metric", ["auc", "accuracy", "brier"])
def test_an_estimate_follows_a_shift_of_the_inputs_and_cannot_see_a_change_of_their_meaning(metric):
    basis = basis_of(metric, of_a_day, (False, True))
    calm = misses(basis, of_a_day)[1]
    off, value, estimate = misses(basis, of_a_day, spread=0.5)
    assert abs(value - calm) > 0.02
    assert abs(estimate - value) < abs(value - calm) / 3
    off, value, estimate = misses(basis, of_a_day, concept=1.0)
    assert estimate == pytest.approx(calm, rel=0.03)  # blind
    assert np.abs(off).min() > 2


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_expected_losses_follow_inputs_that_are_harder_to_predict(metric):
    basis = basis_of(metric, numbers_of_a_day, ())
    assert "carrier" in basis.features
    off, calm, _ = misses(basis, numbers_of_a_day)
    assert 0.6 < off.std() < 1.6
    _, value, estimate = misses(basis, numbers_of_a_day, share=0.9)
    assert abs(estimate - value) < abs(value - calm) / 3


def test_three_classes_are_estimated_too():
    def make(day):
        rng = np.random.default_rng([day, 9])
        wind = rng.normal(0, 1, ROWS)
        weights = np.exp(np.column_stack([-wind, 0 * wind, wind]))
        chances = weights / weights.sum(axis=1, keepdims=True)
        target = (rng.random((ROWS, 1)) > np.cumsum(chances, axis=1)[:, :2]).sum(axis=1)
        sure = weights**2 / (weights**2).sum(axis=1, keepdims=True)
        return {"carrier": np.full(ROWS, "AA", dtype=object), "wind": wind}, sure, target.astype(object)

    for metric in ("auc", "accuracy"):
        off, value, estimate = misses(basis_of(metric, make, (0, 1, 2)), make)
        assert estimate == pytest.approx(value, rel=0.02)
        assert (np.abs(off) < 4).all()


def test_scores_beyond_those_held_out_are_counted():
    basis = basis_of("auc", of_a_day, (False, True))
    columns, answers, late = of_a_day(1_000)
    answers[:50] = [1e-12, 1 - 1e-12]
    assert said_of(basis, columns, answers, late).estimated.outside == pytest.approx(0.1, abs=0.02)


def test_what_cannot_be_learnt_is_said():
    few = HeldRows(np.array([0, 1] * 40, dtype=object), np.full((80, 2), 0.5), None, {})
    assert based("auc", (0, 1), (), few).why == "80 labelled rows were held out, of which 200 are needed to learn from"
    one = HeldRows(np.zeros(300, dtype=object), np.full((300, 2), 0.5), None, {})
    assert "of one class" in based("auc", (0, 1), (), one).why


def test_the_order_in_which_rows_of_a_window_were_held_out_does_not_matter():
    columns, answers, late = (np.concatenate(parts) for parts in zip(*_days(), strict=True))
    windows = np.repeat(np.arange(5), ROWS)
    mixed = np.random.default_rng(0).permutation(len(late))
    whole = based("auc", (False, True), FEATURES, HeldRows(late, answers, windows, {"carrier": columns}), ["carrier"])
    other = HeldRows(late[mixed], answers[mixed], windows[mixed], {"carrier": columns[mixed]})
    one, same = (
        said_of(whole, *of_a_day(50)),
        said_of(based("auc", (False, True), FEATURES, other, ["carrier"]), *of_a_day(50)),
    )
    assert one.estimated == same.estimated
    assert one.slices == same.slices


def _days():
    for day in range(5):
        columns, answers, late = of_a_day(day)
        yield columns["carrier"], answers, late


def test_labels_that_are_no_class_are_left_out_and_counted():
    basis = basis_of("auc", of_a_day, (False, True))
    columns, answers, late = of_a_day(1_000)
    late[:7] = "perhaps"
    found = said_of(basis, columns, answers, late)
    assert (found.labelled, found.unknown) == (ROWS - 7, 7)
    numbers = basis_of("mae", numbers_of_a_day, ())
    columns, answers, target = numbers_of_a_day(1_000)
    strange = target.astype(object)
    strange[:3] = ["much", None, float("nan")]
    assert (said_of(numbers, columns, answers, strange).unknown) == 3


def test_losses_that_only_several_inputs_together_tell_are_learnt():
    """Errors are large where two inputs are of one sign: neither alone says anything, nor does any sum of the two."""
    rng = np.random.default_rng(4)

    def rows(count, alike):
        one = rng.normal(size=count)
        other = np.where(rng.random(count) < alike, 1, -1) * np.sign(one) * np.abs(rng.normal(size=count))
        return np.column_stack([one, other]), np.where(one * other > 0, 5.0, 1.0) * np.abs(rng.normal(size=count))

    inputs, losses = rows(8_000, 0.5)
    edges = np.quantile(inputs, np.linspace(0.05, 0.95, 19), axis=0)
    codes = np.column_stack([np.searchsorted(edges[:, i], inputs[:, i]) for i in range(2)])
    models = learn(codes, (20, 20), losses)
    later, truth = rows(4_000, 0.9)
    codes = np.column_stack([np.searchsorted(edges[:, i], later[:, i]) for i in range(2)])
    by_tables, by_trees = models[len(STEPS) - 1].expected(codes).mean(), models[-1].expected(codes).mean()
    assert truth.mean() - by_tables > 1.0
    assert by_trees == pytest.approx(truth.mean(), abs=0.3)
