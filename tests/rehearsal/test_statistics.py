"""What a count of late requests says of a latency."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.rehearsal.arrivals import poisson
from shipworthy.rehearsal.statistics import (
    at_most,
    judge,
    late_allowed,
    late_refuting,
    requests_needed,
    requests_within,
)


@pytest.mark.parametrize(
    ("late", "quantile", "needed"),
    [(0, 0.99, 459), (1, 0.99, 662), (10, 0.99, 2_010), (0, 0.999, 4_603)],
)
def test_requests_needed_are_those_of_the_exact_binomial(late: int, quantile: float, needed: int) -> None:
    assert requests_needed(late, quantile, 0.99) == needed


@given(st.integers(0, 60), st.sampled_from([0.9, 0.99, 0.999]), st.sampled_from([0.9, 0.99]))
def test_allowed_is_the_inverse_of_needed(late: int, quantile: float, confidence: float) -> None:
    needed = requests_needed(late, quantile, confidence)
    assert late_allowed(needed, quantile, confidence) == late
    assert late_allowed(needed - 1, quantile, confidence) == late - 1


@given(st.integers(1, 3_000))
def test_no_count_is_both_kept_and_broken(requests: int) -> None:
    assert late_allowed(requests) < late_refuting(requests)


@given(st.integers(1, 400), st.floats(0.01, 0.99))
def test_the_tail_agrees_with_a_plain_sum_of_exact_terms(requests: int, share: float) -> None:
    pascal = np.array([1.0])
    for _ in range(requests):
        pascal = np.convolve(pascal, [1 - share, share])
    late = requests // 3
    assert at_most(late, requests, share) == pytest.approx(pascal[: late + 1].sum(), abs=1e-9)


def test_too_few_requests_decide_nothing() -> None:
    assert judge(458, 0) == "undecided"
    assert judge(459, 0) == "passed"


def test_many_late_ones_block() -> None:
    assert judge(2_010, 10) == "passed"
    assert judge(2_010, 20) == "undecided"
    assert judge(2_010, 60) == "blocked"


def test_a_share_at_the_limit_is_let_through_at_most_as_often_as_the_confidence_says() -> None:
    late = np.random.default_rng(0).binomial(2_010, 0.01, 20_000)
    assert (late <= late_allowed(2_010)).mean() <= 0.01


@pytest.mark.parametrize(("seconds", "rate", "planned"), [(10, 500, 2_010), (5, 100, 459), (4.5, 100, None)])
def test_the_number_of_requests_follows_from_the_time_there_is(
    seconds: float, rate: float, planned: int | None
) -> None:
    assert requests_within(seconds, rate) == planned


def test_arrivals_are_poisson_and_the_same_for_the_same_seed() -> None:
    arrivals = poisson(500, 50_000, seed=7)
    gaps = np.diff(arrivals)
    assert (gaps >= 0).all()
    assert gaps.mean() == pytest.approx(2e6, rel=0.02)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert (arrivals == poisson(500, 50_000, seed=7)).all()
    assert (arrivals != poisson(500, 50_000, seed=8)).any()
