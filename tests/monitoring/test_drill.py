"""A drill's drift is noticed as one in production would be, and leaves no trace in what it copied."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitoring import world

from shipworthy.contract.records import Monitoring
from shipworthy.counts.windows import count
from shipworthy.monitoring.drill import drill, expected, moved
from shipworthy.monitoring.following import Following

REFERENCE = world.reference()
WATCHED = len(REFERENCE.payoffs)


@pytest.fixture(scope="module")
def recent():
    return [count(REFERENCE, *world.rows(2_000 + day)[:2]) for day in range(10)]


def test_a_drift_in_a_copy_of_production_is_noticed_and_named(recent):
    found = drill(REFERENCE, Monitoring(), WATCHED, recent)
    assert found.payoff in ("wind", "carrier")
    assert found.windows is not None
    assert found.payoff in found.words


def test_before_there_is_any_traffic_windows_are_made_up_from_the_reference():
    assert drill(REFERENCE, Monitoring(), WATCHED).windows is not None


def test_where_almost_anything_is_allowed_no_alarm_comes():
    """The drill can fail: it asks the evidence, and not itself."""
    regimes = tuple(msgspec.structs.replace(regime, drift=0.999) for regime in REFERENCE.regimes)
    found = drill(msgspec.structs.replace(REFERENCE, regimes=regimes), Monitoring(), WATCHED)
    assert (found.windows, found.words) == (None, "")


def test_a_stricter_promise_takes_no_less_time(recent):
    often, never = (drill(REFERENCE, Monitoring(false_alarms=rate), WATCHED, recent) for rate in (300.0, 1e-6))
    assert never.windows is None or never.windows >= often.windows


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 0.95), index=st.integers(0, WATCHED - 1))
def test_rows_are_moved_and_none_is_lost(share, index):
    before = expected(REFERENCE)
    after = moved(REFERENCE, before, index, share)
    assert after.rows == before.rows
    for place, (old, new) in enumerate(zip(before.of_payoffs(REFERENCE), after.of_payoffs(REFERENCE), strict=True)):
        assert new.sum() == old.sum() == before.rows
        assert (new >= 0).all()
        if place != index:
            assert np.array_equal(old, new)


@pytest.mark.parametrize("begins_within", [True, False])
def test_nothing_is_concluded_from_a_part_of_a_window(begins_within):
    """A release that begins in the middle of a day sees rows of another kind than whole days hold."""
    part = moved(REFERENCE, expected(REFERENCE), 0, 0.9)
    following = Following(1, REFERENCE, Monitoring(), WATCHED, begins_within=begins_within)
    first, second = following.follow(0, part).evidence, following.follow(REFERENCE.window, part).evidence
    assert first.weighed is not begins_within
    assert first.payoffs[0].distance == second.payoffs[0].distance > 0.5, "it is shown all the same"
    assert (first.standing < -2) is begins_within
    assert second.weighed
    assert second.payoffs[0].strength > first.payoffs[0].strength
