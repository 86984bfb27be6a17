"""What a diagnosis concludes from its trainings, whatever they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from shipworthy.environments.conditions import Asked, Conditions
from shipworthy.lineage.records import Environment
from shipworthy.training.diagnosis import Case, OutOfTime, Tried, diagnose, shown
from shipworthy.training.diagnosis_factors import Swap
from shipworthy.training.ladder import Made
from shipworthy.training.making import digest_of_answers

HERE = Environment(
    lock="l", python="3.11.7", implementation="CPython", platform="Linux", processor="one", cores=2,
    blas=(), threads=1, distributions={}, variables={},
)  # fmt: skip
CLOCK = Asked("clock", "time.time", True, ("train.py", 3, "train", "now = time.time()"))
CHANCE = Asked("chance", "os.urandom", False, ("train.py", 9, "train", "rng = default_rng()"))


def made(value: float) -> Made:
    answers = np.full((3, 1), value)
    sha = digest_of_answers(answers)
    return Made(sha, None, sha, answers, (), {}, HERE)


class Trainings:
    """Answers each training with what a rule says of its swap."""

    def __init__(self, rule: Callable[[Swap], float | None], asked: tuple[Asked, ...] = (), most: int = 99) -> None:
        self.rule, self.asked, self.most = rule, asked, most
        self.count = 0

    def __call__(self, swap: Swap) -> Tried:
        if self.count == self.most:
            raise OutOfTime(f"ended before {swap.words}")
        self.count += 1
        value = self.rule(swap)
        return Tried(None if value is None else made(value), self.asked, 1.0)


def case(then: float = 1.0, now: float = 2.0, threads: int = 1) -> Case:
    return Case(made(then), made(now), "regression", 1e-9, "prediction-identical", threads, started=0)


def changed(name: str, **more) -> Swap:
    return Swap("variable", name, f"{name}: set it", Conditions({name: "1"}), **more)


def test_what_was_put_back_and_made_the_runs_own_model_is_the_cause():
    trainings = Trainings(lambda swap: 1.0 if swap.words == "B" else 2.0)
    found = diagnose(case(), trainings, lambda _: [changed("A"), changed("B"), changed("C")])
    assert [(cause.words, cause.certain) for cause in found.causes] == [("B: set it", True)]
    assert [trial.words for trial in found.trials] == ["the same recipe again", "A", "B", "B", "the same recipe again"]
    assert list(shown(found)) == ["cause: B: set it"]


def test_two_changes_that_explain_it_only_together_are_both_the_cause():
    values = {"A": 5.0, "B": 6.0, "A and B": 1.0}
    trainings = Trainings(lambda swap: values.get(swap.words, 2.0))
    found = diagnose(case(), trainings, lambda _: [changed("A"), changed("B"), changed("C")])
    assert [cause.words for cause in found.causes] == ["A: set it", "B: set it"]
    assert all(cause.certain for cause in found.causes)


def test_a_change_that_moves_the_model_elsewhere_is_a_likely_cause():
    trainings = Trainings(lambda swap: 5.0 if swap.words == "A" else 2.0)
    found = diagnose(case(), trainings, lambda _: [changed("A", restores=False)])
    assert list(shown(found)) == ["likely cause: A: set it"]


def test_luck_is_not_taken_for_a_cause():
    """A training that tosses a coin: the swap seemed to give the run's model back, and does not again."""
    tosses = iter([2.0, 1.0, 2.0, 2.0, 1.0])
    trainings = Trainings(lambda swap: next(tosses, 2.0))
    found = diagnose(case(), trainings, lambda _: [changed("A")])
    assert [cause.factor for cause in found.causes] == ["random"]


def test_no_change_no_cause_and_what_could_not_be_swapped_is_said():
    found = diagnose(case(), Trainings(lambda _: 2.0), lambda _: [changed("A")], ("the processor was a and is b",))
    assert found.causes == ()
    assert found.words.endswith("and made another one then; not excluded: the processor was a and is b")


@pytest.mark.parametrize(
    ("asked", "held", "factors"),
    [
        ((CLOCK,), lambda c: c.still, ["clock"]),
        ((CLOCK, CHANCE), lambda c: c.chance is not None, ["chance"]),
        ((CLOCK, CHANCE), lambda c: c.still and c.chance is not None, ["chance", "clock"]),
        ((CLOCK, CHANCE), lambda c: False, ["random"]),
    ],
)
def test_what_has_to_be_held_for_two_trainings_to_agree_is_the_cause(asked, held, factors):
    drawn = iter(range(3, 99))
    trainings = Trainings(lambda swap: 0.5 if held(swap.conditions) else float(next(drawn)), asked)
    found = diagnose(case(), trainings, lambda _: [])
    assert [cause.factor for cause in found.causes] == factors
    assert all(cause.certain for cause in found.causes)


def test_threads_are_tried_where_there_are_several():
    drawn = iter(range(3, 99))
    trainings = Trainings(lambda swap: 0.5 if swap.threads == 1 else float(next(drawn)))
    assert [cause.factor for cause in diagnose(case(threads=2), trainings, lambda _: []).causes] == ["threads"]


def test_a_budget_that_is_used_up_ends_it_and_is_said():
    found = diagnose(case(), Trainings(lambda _: 2.0, most=2), lambda _: [changed("A"), changed("B")])
    assert found.causes == ()
    assert found.untried == ("ended before B",)
    assert "not excluded: ended before B" in found.words


def test_a_training_that_fails_under_a_swap_says_nothing():
    trainings = Trainings(lambda swap: None if swap.words == "A" else 2.0)
    assert diagnose(case(), trainings, lambda _: [changed("A")]).causes == ()
