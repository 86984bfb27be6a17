"""A run against its own recipe with other seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.training.equivalence import Model, equivalence, told, told_apart


def drawn(random: np.random.Generator, shift: float = 0.0) -> Model:
    """A model whose answers scatter around a truth, and whose metric follows from them."""
    answers = np.linspace(0, 1, 30)[:, None] + random.normal(shift, 0.1, (30, 1))
    return Model(answers, float(np.mean(answers**2)))


@pytest.mark.parametrize("seeds", [4, 9, 19])
def test_a_sound_run_is_told_apart_about_as_often_as_is_promised(seeds):
    random = np.random.default_rng(seeds)
    found = [
        equivalence(drawn(random), [drawn(random) for _ in range(seeds)], range(seeds), "rmse") for _ in range(600)
    ]
    share = np.mean([told_apart(each) for each in found])
    level = 1 / (seeds + 1)
    assert share <= level + 3 * np.sqrt(level / 600)
    assert share > 0, "a test that never refuses shows nothing"


def test_another_model_than_the_recipe_makes_is_told_apart():
    random = np.random.default_rng(1)
    found = equivalence(drawn(random, 0.3), [drawn(random) for _ in range(9)], range(9), "rmse")
    assert told_apart(found)
    assert found.probability == pytest.approx(0.1)
    assert told(found).startswith(
        "told apart from 9 trainings with other seeds (conformal test at 90% confidence, p = 0.1)"
    )
    assert found.distance > 2 * found.typical


def test_the_same_answers_with_another_metric_are_told_apart():
    same = [Model(np.zeros((5, 1)), 1.0 + 0.01 * step) for step in range(9)]
    assert told_apart(equivalence(Model(np.zeros((5, 1)), 7.0), same, range(9), "rmse"))


def test_a_model_that_gives_no_answer_where_the_others_do_is_told_apart():
    given_ = [Model(np.full((5, 1), 0.001 * step), 1.0) for step in range(9)]
    absent = Model(np.full((5, 1), np.nan), 1.0)
    assert told_apart(equivalence(absent, given_, range(9), "rmse"))


def test_equal_models_are_never_told_apart():
    same = [Model(np.ones((5, 1)), 1.0)] * 5
    assert equivalence(same[0], same[1:], range(4), "rmse").probability == 1.0


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(4, 12))
def test_the_order_of_the_others_does_not_matter(seed, number):
    random = np.random.default_rng(seed)
    run, others = drawn(random), [drawn(random) for _ in range(number)]
    one, other = (equivalence(run, each, range(number), "rmse") for each in (others, others[::-1]))
    assert one.probability == other.probability
    assert one.distance == pytest.approx(other.distance)
