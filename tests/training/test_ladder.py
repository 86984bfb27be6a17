"""How alike two models are."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.lineage.records import Environment
from shipworthy.training.ladder import Made, compare, largest_difference
from shipworthy.training.making import digest_of_answers

HERE = Environment(
    lock="l", python="3.11.7", implementation="CPython", platform="Linux", processor="one", cores=2,
    blas=("openblas Haswell",), threads=1, distributions={"numpy": "2.4.6"}, variables={},
)  # fmt: skip
ANSWERS = np.array([[0.25, 0.75], [0.5, 0.5]])


def made(answers=ANSWERS, model="m", canonical="c", metrics=None, environment=HERE, classes=(0, 1)) -> Made:
    answers = np.asarray(answers)
    return Made(model, canonical, digest_of_answers(answers), answers, classes, metrics or {}, environment)


@pytest.mark.parametrize(
    ("rebuilt", "rung", "told"),
    [
        (made(), "bit-identical", []),
        (made(model="n"), "canonical-identical", ["the model file: m then, n now"]),
        (made(model="n", canonical="d"), "prediction-identical", ["the model itself"]),
        (made(ANSWERS + 1e-9, "n", "d"), "within-tolerance", ["the answers to 2 of 2 probes, at most by 1e-09"]),
        (made([[0.25, 0.75], [0.5, 0.6]], "n", "d"), "different", ["the answers to 1 of 2 probes, at most by 0.1"]),
        (made(ANSWERS[:, :1], "n", "d"), "different", ["the shape of the answers"]),
        (made(classes=(1, 0)), "different", ["the classes: [0, 1] then, [1, 0] now"]),
        (made(ANSWERS + 1e-9), "within-tolerance", ["the answers to 2 of 2"]),
        (made([[0.25, 0.75], [np.nan, 0.5]], "n", "d"), "different", ["the answers to 1 of 2"]),
    ],
)
def test_the_rung_is_the_highest_that_holds_and_what_differs_is_said(rebuilt, rung, told):
    found = compare(made(), rebuilt, "classification", 1e-5)
    assert found.rung == rung
    for words in told:
        assert any(words in difference for difference in found.differences), found.differences


def test_a_family_without_canonical_form_falls_to_its_predictions():
    found = compare(made(canonical=None), made(model="n", canonical=None), "classification", 1e-5)
    assert found.rung == "prediction-identical"


def test_what_changed_around_the_model_is_named():
    there = msgspec.structs.replace(HERE, python="3.11.9", blas=("openblas Zen",), distributions={"numpy": "2.5"})
    found = compare(made(metrics={"a": 1.0}), made(metrics={"a": 2.0}, environment=there), "classification", 1e-5)
    assert found.rung == "bit-identical"
    assert found.differences == (
        "the metric a: 1.0 then, 2.0 now",
        "the Python: 3.11.7 then, 3.11.9 now",
        "the linear algebra: openblas Haswell then, openblas Zen now",
        "numpy: 2.4.6 then, 2.5 now",
    )


def test_predictions_are_compared_in_proportion_to_their_size():
    a, b = np.array([[1e6]]), np.array([[1e6 + 1]])
    assert largest_difference(a, b, "regression") == pytest.approx(1e-6)
    assert largest_difference(a, b, "classification") == 1.0


@given(st.lists(st.floats(), min_size=1, max_size=20), st.sampled_from(["classification", "regression"]))
def test_nothing_differs_from_itself(values, task):
    answers = np.array(values)[:, None]
    assert largest_difference(answers, answers.copy(), task) == 0.0
    assert compare(made(answers), made(answers.copy()), task, 0.0).rung == "bit-identical"
