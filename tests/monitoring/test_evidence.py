"""Evidence: silent where nothing drifts, quick where something does, the same bytes for the same windows."""

from math import log

import numpy as np
import pytest
from monitoring.streams import DAILY, ONE_BET, ROWS, moved, shares, windows

from shipworthy.counts.reference import Regime
from shipworthy.monitoring.gathering import Evidence, follow
from shipworthy.monitoring.promise import chance_a_window, select

LIMIT = log(1 / chance_a_window(DAILY))


def first_alarm(readings, limit=LIMIT):
    return next((t for t, reading in enumerate(readings) if reading.log_sum >= limit), None)


def reference(seed, p, rows=20_000):
    return np.random.default_rng(seed + 10_000).multinomial(rows, p).tolist()


@pytest.mark.parametrize("drift", [0.0, 0.05])
def test_two_hundred_streams_without_drift_raise_no_more_false_alarms_than_promised(drift):
    """Rows are moved by exactly what is allowed, and the reference is small, so that its own error matters."""
    length, streams, alarms = 100, 200, 0
    for seed in range(streams):
        p = shares(seed)
        seen = windows(seed, moved(p, drift), length)
        alarms += first_alarm(follow(reference(seed, p, 2_000), 10, Regime("x", "row", drift, ""), seen)) is not None
    assert alarms <= streams * length * chance_a_window(DAILY)


@pytest.mark.parametrize(("regime", "within"), [(ROWS, 8), (ONE_BET, 130)], ids=["rows", "one bet a window"])
def test_a_shift_of_fifteen_hundredths_is_found_in_every_stream(regime, within):
    for seed in range(10):
        p = shares(seed)
        seen = windows(seed, moved(p, 0.15), within)
        assert first_alarm(follow(reference(seed, p), 10, regime, seen)) is not None, seed


@pytest.mark.parametrize("scale", [False, True], ids=["to one side", "of scale"])
def test_most_shifts_of_fifteen_hundredths_are_found_in_the_second_window(scale):
    """In the first there is nothing learned yet: what has most to begin with has to be what most drifts look like."""
    p = np.full(20, 0.05)
    order = np.roll(np.arange(20), 5) if scale else np.arange(20)
    after, found = moved(p, 0.15)[np.argsort(order)], []
    for seed in range(20):
        seen = np.concatenate([windows(seed, p, 10), windows(seed + 100, after, 10)])
        found.append(first_alarm(follow(reference(seed, p), 20, ROWS, seen)) - 9)
    assert np.median(found) <= 2


def test_the_beginning_of_a_drift_is_dated():
    p = shares(1)
    seen = np.concatenate([windows(1, p, 20), windows(2, moved(p, 0.3), 6)])
    readings = follow(reference(1, p), 10, ROWS, seen)
    assert first_alarm(readings) in range(20, 24)
    assert readings[-1].since in range(19, 22)


def test_drift_that_is_allowed_is_silent_and_beyond_it_is_not():
    p = shares(3)
    seen = windows(3, moved(p, 0.2), 60)
    assert first_alarm(follow(reference(3, p), 10, Regime("x", "row", 0.2, ""), seen)) is None
    assert first_alarm(follow(reference(3, p), 10, Regime("x", "row", 0.1, ""), seen)) is not None


def test_rows_that_repeat_each_other_alarm_row_by_row_but_not_with_one_bet_a_window():
    """Bursts of 50 identical rows: the reason why one bet a window is the default."""
    p = shares(4)
    counts = [windows(seed, p, 1, rows=10)[0] * 50 for seed in range(60)]
    assert first_alarm(follow(reference(4, p), 10, ROWS, counts)) is not None
    assert first_alarm(follow(reference(4, p), 10, ONE_BET, counts)) is None


def test_where_no_bet_is_possible_no_evidence_grows_however_long_one_waits():
    """An expert that cannot bet adds nothing; else the sum would be t after t windows."""
    everything = Regime("x", "window", 1.0, "")
    readings = follow([500, 500], 2, everything, windows(5, np.array([0.5, 0.5]), 400))
    assert readings[-1].log_sum == float("-inf")


def test_windows_without_rows_change_nothing():
    p = shares(6)
    seen = windows(6, moved(p, 0.1), 10)
    gaps = np.insert(seen, [3, 3, 7], 0, axis=0)
    plain, gapped = follow(reference(6, p), 10, ROWS, seen)[-1], follow(reference(6, p), 10, ROWS, gaps)[-1]
    assert (plain.log_sum, plain.log_product) == (gapped.log_sum, gapped.log_product)


def test_a_drift_that_is_over_is_forgotten_and_a_second_one_is_found_again():
    p = shares(7)
    parts = [windows(1, moved(p, 0.4), 30), windows(2, p, 40), windows(3, moved(p, 0.4), 10)]
    readings = follow(reference(7, p), 10, ROWS, np.concatenate(parts))
    assert readings[29].log_sum >= LIMIT
    assert readings[69].log_sum < log(5)
    assert readings[79].log_sum >= LIMIT


def test_the_retraining_tier_never_restarts():
    p = shares(8)
    calm = follow(reference(8, p), 10, ONE_BET, windows(8, p, 300))
    assert calm[-1].log_product < calm[10].log_product < 0 < calm[-1].log_sum + 1


def test_evidence_kept_up_window_by_window_equals_evidence_made_at_once():
    p = shares(9)
    seen = windows(9, moved(p, 0.1), 12)
    evidence = Evidence(reference(9, p), 10, ROWS)
    assert [evidence.add(counts) for counts in seen] == follow(reference(9, p), 10, ROWS, seen)


def test_bins_that_the_reference_never_held_are_no_division_by_zero():
    reading = follow([1_000, 0, 1_000], 2, ROWS, [np.array([0, 300, 200]), np.array([0, 300, 200])])[-1]
    assert reading.log_sum >= LIMIT
    assert reading.distance == pytest.approx(0.6)


def test_many_payoffs_need_more_evidence_unless_several_speak_together():
    chance = 1 / 365
    alone, together = log(365 * 10), log(365 * 2)
    assert select([alone + 0.01, *[0.0] * 9], chance, 10).chosen == (0,)
    assert select([alone - 0.01, *[0.0] * 9], chance, 10).chosen == ()
    assert set(select([*[together + 0.01] * 5, *[0.0] * 5], chance, 10).chosen) == set(range(5))
    assert select([*[together - 0.01] * 5, *[0.0] * 5], chance, 10).log_standing == pytest.approx(-0.01)
