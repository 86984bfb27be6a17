"""An interval that is looked at all the time still holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.monitoring.sequences import NOTHING, Gathered, gather, interval

STREAMS, WINDOWS, ROWS = 300, 60, 25
LOSSES = st.lists(st.floats(0, 1), max_size=50).map(np.array)


def ever_wrong(losses, expected):
    """Whether the interval misses the mean of what was to be expected after any of the windows, (windows, rows)."""
    together, wrong = NOTHING, False
    for index, window in enumerate(losses):
        together = together + gather(window, 0.5)
        sure = interval(together)
        wrong |= not sure.low <= expected[: index + 1].mean() <= sure.high
    return wrong


@pytest.mark.parametrize("kind", ["seldom", "even", "changing", "clustered"])
def test_it_misses_at_any_time_in_fewer_streams_than_its_confidence_lets_it(kind):
    wrong = 0
    for seed in range(STREAMS):
        rng = np.random.default_rng([seed, 3])
        means = np.full((WINDOWS, 1), 0.05 if kind == "seldom" else 0.5)
        if kind == "changing":
            means[WINDOWS // 2 :] = 0.8
        if kind == "clustered":  # what a window's rows have in common is known before them
            means = rng.beta(1, 4, (WINDOWS, 1))
        wrong += ever_wrong((rng.random((WINDOWS, ROWS)) < means).astype(float), np.repeat(means, ROWS, axis=1))
    assert wrong <= 0.05 * STREAMS


def test_an_interval_that_was_meant_for_one_look_would_miss_in_more():
    """The test above can fail: two standard errors at every look are wrong in far more than one stream of twenty."""
    wrong = 0
    for seed in range(STREAMS):
        rng = np.random.default_rng([seed, 3])
        losses = (rng.random(WINDOWS * ROWS) < 0.5).astype(float)
        counts = np.arange(1, len(losses) + 1)
        means = np.cumsum(losses) / counts
        looks = np.arange(ROWS - 1, len(losses), ROWS)
        wrong += bool((np.abs(means - 0.5) > 1.96 * 0.5 / np.sqrt(counts))[looks].any())
    assert wrong > 0.15 * STREAMS


def test_it_gets_narrow():
    losses = (np.random.default_rng(1).random(20_000) < 0.1).astype(float)
    sure = interval(gather(losses, 0.1))
    assert sure.high - sure.low < 0.025
    assert interval(gather(losses[:100], 0.1)).high - interval(gather(losses[:100], 0.1)).low < 0.5


@given(LOSSES, LOSSES)
def test_windows_add_up_in_any_grouping(one, other):
    together = gather(one, 0.3) + gather(other, 0.3)
    assert together.rows == len(one) + len(other)
    if together.rows:
        assert together.mean == pytest.approx(np.concatenate([one, other]).mean())
    assert gather(other, 0.3) + gather(one, 0.3) == Gathered(
        together.rows, pytest.approx(together.mean), pytest.approx(together.spread)
    )


@given(LOSSES)
def test_it_holds_the_mean_that_was_seen_and_stays_within_what_can_be(losses):
    gathered = gather(losses, 0.5)
    sure = interval(gathered)
    assert 0.0 <= sure.low <= sure.high <= 1.0
    if len(losses):
        assert sure.low - 1e-12 <= losses.mean() <= sure.high + 1e-12
    assert interval(gathered, 0.99).low <= sure.low
