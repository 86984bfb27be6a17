"""A season that the reference has seen raises no alarm, and hides no drift."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts import reference as counting
from shipworthy.counts.slots import DAYS, HOURS, of_times, size_of
from shipworthy.counts.windows import count, count_by_window
from shipworthy.errors import WrongUse
from shipworthy.monitoring.drill import ROWS, drill, expected
from shipworthy.monitoring.freezing import Rows, built, frozen
from shipworthy.monitoring.grouping import as_seen, by_group, compact
from shipworthy.monitoring.pooling import FEWEST_ROWS, groups_of
from shipworthy.monitoring.replaying import replayed
from shipworthy.monitoring.self_consistency import settle

START = clock.from_iso("2024-01-01T00:00:00Z")  # a Monday
HOURLY = Monitoring(window=clock.HOUR, false_alarms=12)
WIND, SHOP = Feature(name="wind", type="float"), Feature(name="shop", type="category")
EACH = 60  # rows an hour


def hours(seed, count, shift=0.0, amplitude=1.0):
    """Times and values of EACH rows an hour, whose mean follows the hour of the day."""
    rng = np.random.default_rng(seed)
    times = START + np.repeat(np.arange(count), EACH) * clock.HOUR + rng.integers(0, clock.HOUR, count * EACH)
    season = amplitude * np.sin(2 * np.pi * (times // clock.HOUR % 24) / 24)
    return times, rng.normal(size=len(times)) + season + shift


def reference(times, values, monitoring=HOURLY, make=frozen):
    """Of one feature; the answers are none that anybody watches for long."""
    answers = np.random.default_rng(0).random((40, 1))
    same = Rows([values], times)
    return make((WIND,), same, Rows([values[:40]], None), answers, monitoring)


def windows(frozen_, times, values, window=clock.HOUR):
    answers = np.full((len(times), 1), 0.5)
    return count_by_window(frozen_, times - times % window, [values], answers, times=times)


def alarms_of_wind(frozen_, later):
    found = replayed(frozen_, later, HOURLY)
    return [one for alarm in found.alarms for one in alarm.moved if one.payoff == "wind"]


@pytest.fixture(scope="module")
def seasonal():
    return reference(*hours(0, 24 * 20))


def test_the_season_is_found_and_said_in_plain_words(seasonal):
    wind, prediction = seasonal.regimes
    assert (wind.bets, wind.season, wind.drift) == ("row", "hour-of-day", 0.05)
    assert "each against its hour of the day (UTC)" in wind.words
    assert (prediction.season, prediction.groups) == (None, ())
    assert seasonal.slots.season == "hour-of-day"


def test_the_same_season_raises_no_alarm_and_a_shift_within_it_does(seasonal):
    assert alarms_of_wind(seasonal, windows(seasonal, *hours(1, 24 * 20))) == []
    moved = alarms_of_wind(seasonal, windows(seasonal, *hours(2, 24 * 4, shift=0.6)))
    assert moved
    assert moved[0].distance == pytest.approx(
        0.24, abs=0.08
    )  # not what a season adds to it; an hour or two of few rows say it


def test_without_slots_the_reference_raises_alarms_against_itself():
    pooled = reference(*hours(0, 24 * 20), msgspec.structs.replace(HOURLY, season="none"))
    assert pooled.slots is None
    assert pooled.regimes[0].bets == "window"


def test_where_rows_have_no_season_none_is_told_apart():
    found = reference(*hours(0, 24 * 20, amplitude=0.0))
    assert (found.regimes[0].bets, found.slots) == ("row", None)
    assert found.payoffs[0].by_cell == b""
    assert found.history.cells == ()


def test_a_season_that_is_named_is_taken_whether_or_not_it_is_needed():
    found = reference(*hours(0, 24 * 20, amplitude=0.0), msgspec.structs.replace(HOURLY, season="hour-of-day"))
    assert found.regimes[0].season == "hour-of-day"
    assert len(found.payoffs[0].by_group) == 24


def test_hours_within_a_day_are_told_apart_too():
    """The day's rows come at other hours than the reference's, and nothing else has changed."""
    daily = Monitoring(season="hour-of-day", false_alarms=12)
    times, values = hours(0, 24 * 60)
    found = reference(times, values, daily)
    later, seen = hours(1, 24 * 20)
    chosen = (later // clock.HOUR % 24 < 12) | (np.random.default_rng(0).random(len(later)) < 0.2)
    days = windows(found, later[chosen], seen[chosen], clock.DAY)
    assert len(next(iter(days.values())).by_slot) == 24
    assert replayed(found, days, daily).alarms == ()
    pooled = reference(times, values, Monitoring(season="none", false_alarms=12))
    days = windows(pooled, later[chosen], seen[chosen], clock.DAY)
    assert [one.payoff for one in replayed(pooled, days, daily).alarms[0].moved] == ["wind"]


def test_weekdays_are_told_apart_where_windows_are_days():
    rng = np.random.default_rng(0)
    times = START + np.repeat(np.arange(120), 300) * clock.DAY
    weekend = times // clock.DAY % 7 == 3  # a Sunday
    found = reference(times, rng.normal(size=len(times)) + 2 * weekend, Monitoring())
    assert (found.regimes[0].bets, found.regimes[0].season) == ("row", "day-of-week")
    assert found.slots.size == DAYS


def test_a_segment_has_shares_of_its_own():
    """Two shops of different customers: that one of them sells more this month is no drift of wind."""
    rng = np.random.default_rng(0)

    def sold(count, share, shift=0.0):
        shop = rng.random(count) < share
        return [np.where(shop, "town", "coast").astype(object), rng.normal(size=count) + 2 * shop + shift]

    monitoring = Monitoring(segment="shop", false_alarms=12)
    times = START + np.sort(rng.integers(0, 60 * clock.DAY, 30_000))
    rows = Rows(sold(30_000, 0.3), times)
    found = frozen((SHOP, WIND), rows, rows, np.full((30_000, 1), 0.5), monitoring)
    assert found.regimes[1].season == "segment"

    def later(share, shift=0.0):
        at = START + np.sort(rng.integers(0, 30 * clock.DAY, 15_000))
        return count_by_window(found, at - at % clock.DAY, sold(15_000, share, shift), np.full((15_000, 1), 0.5))

    [mix] = replayed(found, later(0.7), monitoring).alarms
    assert [one.payoff for one in mix.moved] == ["shop"]
    assert "wind" in [one.payoff for one in replayed(found, later(0.3, 0.6), monitoring).alarms[0].moved]


def test_a_segment_that_is_no_feature_is_named():
    rows = Rows([np.ones(50)], None)
    with pytest.raises(WrongUse, match=r"segment = 'wnd': expected a feature that is watched .*wind"):
        frozen((WIND,), rows, rows, np.ones((50, 1)), Monitoring(segment="wnd"))


def test_a_season_of_rows_without_times_cannot_be_told():
    rows = Rows([np.random.default_rng(0).normal(size=500)], None)
    found = frozen((WIND,), rows, rows, np.ones((500, 1)), Monitoring(season="hour-of-day"))
    assert (found.slots, found.regimes[0].groups) == (None, ())


def test_fewer_slots_to_count_by_give_the_same_evidence():
    """A profile counts by the hours of the week, a release by no more than its regimes need."""
    times, values = hours(0, 24 * 20)
    whole = settle(reference(times, values, make=built), HOURLY)
    small = compact(whole)
    assert (whole.slots.size, small.slots.size) == (DAYS * HOURS, HOURS)
    assert whole.identity != small.identity
    later = hours(1, 30, shift=0.3)
    one, other = (replayed(found, windows(found, *later), HOURLY) for found in (whole, small))
    assert [window.payoffs for window in one.evidence] == [window.payoffs for window in other.evidence]


def test_a_reference_with_slots_survives_being_stored(seasonal):
    assert counting.decode(counting.encode(seasonal)) == seasonal


def test_what_a_window_is_held_to_weighs_the_slots_as_its_rows_do(seasonal):
    night = START + np.full(200, 18) * clock.HOUR
    counts = count(seasonal, [np.zeros(200)], np.full((200, 1), 0.5), night)
    wind = seasonal.payoffs[0]
    group = wind.by_group[seasonal.regimes[0].groups[18]]
    held_to = as_seen(seasonal, counts).payoffs[0].counts
    assert np.array(held_to) / sum(held_to) == pytest.approx(np.array(group) / sum(group), abs=1e-3)
    assert by_group(seasonal, counts)[0].sum() == 200


def test_a_drill_moves_every_slot(seasonal):
    assert drill(seasonal, HOURLY, 2).windows is not None
    made_up = expected(seasonal)
    assert sum(table.sum() for table in made_up.slots_of_payoffs(seasonal)[1]) == ROWS * 2
    assert [int(table.sum()) for table in made_up.of_payoffs(seasonal)] == [ROWS, ROWS]


def test_a_window_made_up_of_many_thin_slots_is_spread_as_the_reference_is():
    weekly = msgspec.structs.replace(HOURLY, season="hour-of-week")
    frozen_ = reference(*hours(3, 24 * 21), weekly)
    assert expected(frozen_).rows / len(expected(frozen_).by_slot) < 10
    for payoff, counts in zip(frozen_.payoffs, expected(frozen_).of_payoffs(frozen_), strict=True):
        assert counts / ROWS == pytest.approx(np.array(payoff.counts) / payoff.rows, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["hour-of-day", "day-of-week", "hour-of-week"]), st.integers(0, 99), st.integers(1, 60_000))
def test_thin_slots_are_pooled_and_every_slot_has_one_group(season, seed, rows):
    rng = np.random.default_rng(seed)
    size = size_of(season)
    held = rng.multinomial(rows, rng.dirichlet(np.full(size, 0.5)))
    groups = groups_of(season, held.tolist())
    if not groups:
        return
    of_groups = np.bincount(groups, held)
    assert len(groups) == size
    assert set(groups) == set(range(max(groups) + 1))
    assert of_groups.min() >= FEWEST_ROWS


@settings(max_examples=60, deadline=None)
@given(st.integers(-(10**10), 10**10))
def test_slots_are_those_of_the_calendar(seconds):
    moment = clock.to_datetime(seconds * clock.SECOND)
    at = np.array([seconds * clock.SECOND])
    found = [int(of_times(season, at)[0]) for season in ("hour-of-day", "day-of-week", "hour-of-week")]
    assert found == [moment.hour, moment.weekday(), moment.weekday() * 24 + moment.hour]


def test_a_season_follows_the_clocks_that_it_is_told_by():
    """Two in the afternoon in New York is another hour of UTC in winter than in summer."""
    at = np.array([clock.from_iso("2024-01-08T19:00:00Z"), clock.from_iso("2024-07-08T18:00:00Z")])
    assert of_times("hour-of-day", at, "America/New_York").tolist() == [14, 14]
    assert of_times("day-of-week", at - 16 * clock.HOUR, "America/New_York").tolist() == [6, 6]
    zoned = reference(*hours(0, 24 * 20), msgspec.structs.replace(HOURLY, timezone="America/New_York"))
    assert zoned.slots.zone == "America/New_York"
    assert "hour of the day (America/New_York)" in zoned.regimes[0].words
    assert zoned.identity != reference(*hours(0, 24 * 20)).identity
    assert alarms_of_wind(zoned, windows(zoned, *hours(1, 24 * 10))) == []
