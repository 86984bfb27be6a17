"""The reference must not alarm against itself: how each payoff is counted follows from its own past."""

import msgspec
import numpy as np
import pytest

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts import reference as references
from shipworthy.monitoring.self_consistency import settle

DAY = clock.DAY


def settled(make, days=60, rows=400, monitoring=Monitoring()):  # noqa: B008 - frozen
    """The regime of a feature whose values on a day are make(rng, day, rows)."""
    rng = np.random.default_rng(0)
    values = np.concatenate([make(rng, day, rows) for day in range(days)])
    times = np.repeat(np.arange(days) * DAY, rows)
    answers = rng.random((100, 1))
    found = references.build(
        (Feature(name="wind", type="float"),), [values], times, answers, None, window=monitoring.window
    )
    return settle(found, monitoring)


def test_independent_rows_count_one_by_one():
    regime = settled(lambda rng, day, rows: rng.normal(size=rows)).regimes[0]
    assert (regime.bets, regime.drift) == ("row", 0.05)
    assert "rows count one by one" in regime.words


def test_weather_shared_by_all_rows_of_a_day_counts_once_a_day():
    regime = settled(lambda rng, day, rows: rng.normal() + 0.3 * rng.normal(size=rows)).regimes[0]
    assert (regime.bets, regime.drift) == ("window", 0.05)
    assert "against itself" in regime.words


def test_slow_seasons_raise_the_drift_that_is_allowed_and_say_by_how_much():
    regime = settled(lambda rng, day, rows: day / 10 + rng.normal(size=rows) / 10, days=120).regimes[0]
    assert regime.bets == "window"
    assert regime.drift > 0.2
    assert f"{regime.drift:.0%}" in regime.words


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
