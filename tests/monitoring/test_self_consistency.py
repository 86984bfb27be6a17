"""The reference must not alarm against itself: how each payoff is counted follows from its own past."""

import msgspec
import numpy as np
import pytest

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts import bins
from shipworthy.counts import reference as references
from shipworthy.monitoring.gathering import follow
from shipworthy.monitoring.promise import chance_a_window
from shipworthy.monitoring.self_consistency import settle

DAY = clock.DAY


def settled(make, days=60, rows=400, monitoring=Monitoring()):  # noqa: B008 - frozen
    """The regime of a feature whose values on a day are make(rng, day, rows)."""
    rng = np.random.default_rng(0)
    values = np.concatenate([make(rng, day, rows) for day in range(days)])
    times = np.repeat(np.arange(days) * DAY, rows)
    return settle(built(values, times, monitoring.window), monitoring)


def built(values, times, window=DAY):
    """A reference that is not settled yet."""
    answers = np.random.default_rng(0).random((100, 1))
    return references.build((Feature(name="wind", type="float"),), [values], times, answers, None, window=window)


def test_independent_rows_count_one_by_one():
    regime = settled(lambda rng, day, rows: rng.normal(size=rows)).regimes[0]
    assert (regime.bets, regime.drift) == ("row", 0.05)
    assert "rows count one by one" in regime.words


def test_weather_shared_by_all_rows_of_a_day_counts_once_a_day():
    regime = settled(lambda rng, day, rows: rng.normal() + 0.3 * rng.normal(size=rows)).regimes[0]
    assert (regime.bets, regime.drift) == ("window", 0.05)
    assert "against itself" in regime.words


def test_spells_that_outlast_the_promise_raise_the_drift_that_is_allowed_and_say_by_how_much():
    """Every stretch holds one spell of each kind, so that only following them in order shows how long they last."""
    regime = settled(lambda rng, day, rows: day // 40 % 2 + rng.normal(size=rows), days=480, rows=100).regimes[0]
    assert regime.bets == "window"
    assert 0.05 < regime.drift < 0.4
    assert f"beyond {regime.drift:.0%}: wind moves by that much" in regime.words


def test_what_a_reference_repeats_raises_no_alarm_for_as_long_as_the_promise_is_about():
    """Two worlds of five days each, which the day before tells: evidence of them grows from month to month."""
    reference = settled(lambda rng, day, rows: 3.0 * (day // 5 % 2) + rng.normal(size=rows), rows=100)
    payoff, regime = reference.payoffs[0], reference.regimes[0]
    limit, past = np.log(365), np.array(payoff.by_window)

    def highest(drift, length):
        allowing = msgspec.structs.replace(regime, drift=drift)
        seen = np.tile(past, (7, 1))[:length]
        return max(reading.log_sum for reading in follow(payoff.counts, payoff.bins.ordered, allowing, seen))

    assert highest(0.05, len(past)) < limit < highest(0.05, 365)  # silent once is not silent
    assert regime.drift > 0.05
    assert highest(regime.drift, 365) < limit


def test_a_reference_of_few_spells_counts_for_few_rows():
    def weather(rng, day, rows):
        return np.sin(day // 10) + 0.3 * rng.normal(size=rows)

    regime = settled(weather).regimes[0]
    assert 24_000 / regime.runs_clustering < 60
    assert regime.words.endswith("independent ones")
    assert settled(lambda rng, day, rows: rng.normal(size=rows)).regimes[0].runs_clustering == 1


def test_weather_without_drift_raises_no_more_alarms_than_promised():
    """Rows of a day share most of their value and days resemble the day before: neither are an independent sample."""
    days, reference_days, rows, alarms, streams = 150, 60, 200, 0, 40
    limit = np.log(1 / chance_a_window(Monitoring()))
    for seed in range(streams):
        rng = np.random.default_rng(seed)
        level = np.zeros(reference_days + days)
        for day in range(1, len(level)):
            level[day] = 0.7 * level[day - 1] + rng.normal()
        values = level[:, None] + 0.5 * rng.normal(size=(len(level), rows))
        times = np.repeat(np.arange(reference_days) * DAY, rows)
        found = built(values[:reference_days].ravel(), times)
        payoff = settle(found, Monitoring()).payoffs[0]
        counts = [
            np.bincount(bins.assign(payoff.bins, day), minlength=payoff.bins.size) for day in values[reference_days:]
        ]
        readings = follow(payoff.counts, payoff.bins.ordered, settle(found, Monitoring()).regimes[0], counts)
        alarms += any(reading.log_sum >= limit for reading in readings)
    assert alarms <= streams * days / 365 / 2  # half of what is promised; without the clusters it is twice as much


def test_a_short_reference_says_that_it_could_not_be_checked():
    regime = settled(lambda rng, day, rows: rng.normal(size=rows), days=5).regimes[0]
    assert regime.bets == "window"
    assert "5 windows, too few" in regime.words


def test_a_reference_without_times_says_so_too():
    regime = settled(lambda rng, day, rows: rng.normal(size=rows)).regimes[1]
    assert "0 windows, too few" in regime.words


def test_the_same_reference_gives_the_same_bytes_and_survives_being_stored():
    first = settled(lambda rng, day, rows: rng.normal(size=rows), days=30)
    content = references.encode(first)
    bare = msgspec.structs.replace(references.decode(content), regimes=())
    assert references.encode(settle(bare, Monitoring())) == content


@pytest.mark.parametrize("days", [12, 13, 29])
def test_rows_are_not_trusted_on_few_windows(days):
    regime = settled(lambda rng, day, rows: rng.normal(size=rows), days=days).regimes[0]
    assert regime.bets == "window"
    assert f"{days} windows" in regime.words


def test_bursts_of_rows_count_as_one_row_each_and_a_spell_of_days_is_no_burst():
    bursts = settled(lambda rng, day, rows: np.repeat(rng.normal(size=rows // 10), 10)).regimes[0]
    assert bursts.bets == "row"
    assert 10 <= bursts.burst <= 25  # with the caution that an estimate needs
    assert f"{bursts.burst:g} rows count as one" in bursts.words
    spells = settled(lambda rng, day, rows: 0.5 * (day // 7 % 2) + rng.normal(size=rows)).regimes[0]
    assert (spells.bets, spells.burst) == ("window", 1)
