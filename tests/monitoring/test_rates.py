"""Rates that the contract bounds: refused, flagged, slow."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitoring.world import CONTRACT, DAY, MODEL, REFERENCE, changed
from sqlalchemy import insert

from shipworthy.contract.records import DataSource
from shipworthy.counts.windows import empty, encode, latencies, refusals
from shipworthy.dashboard.reading import read_view
from shipworthy.monitoring.promise import chance_a_window, sharing
from shipworthy.monitoring.rates import Rate, Share, bounds, share
from shipworthy.monitoring.records import Alarm, WindowEvidence
from shipworthy.store.tables import window_counts

START = 100
PROMISED = changed(CONTRACT, refused=0.01, flagged=0.02, slow=0.01)


def extra(world, first, last, counts, source="more"):
    """What else was counted on days, beside their rows."""
    with world.ledger.transaction() as connection:
        for day in range(first, last):
            row = {"model": MODEL, "release": 1, "source": source, "window": day * DAY}
            connection.execute(insert(window_counts).values(row | {"rows": counts.rows, "counts": encode(counts)}))


def alarms_of(world):
    return [entry.decode(Alarm) for entry in world.watch().step()]


def requests(count, slow):
    return latencies(REFERENCE, count, slow)


def flagged(rows):
    return msgspec.structs.replace(empty(REFERENCE), violations={"wind": rows, "carrier": 1})


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            refusals(REFERENCE, {"wind": 40, "carrier": 3}),
            "9.09% of rows refused because they break the contract (40 of",
        ),
        (
            flagged(40),
            "10.00% of rows answered though a value breaks the contract (40 of 400 in the newest window), at most 2",
        ),
        (
            requests(1_000, 50),
            "5.00% of requests answered later than serving.p99_ms (50 of 1,000 in the newest window)",
        ),
    ],
)
def test_a_rate_above_its_bound_alarms_once_and_says_which_by_how_much_and_since_when(world, counts, said):
    world.contract = PROMISED
    world.days(START, START + 30)
    extra(world, START + 10, START + 30, counts)
    [alarm] = alarms_of(world)
    assert alarm.cause == "requests"
    assert said in alarm.words
    assert alarm.since == (START + 10) * DAY
    assert alarm.window < (START + 20) * DAY
    assert [one.strength >= alarm.threshold for one in alarm.rates] == [True]


def test_the_page_shows_a_rate_beside_the_payoffs(world):
    world.contract = PROMISED
    world.days(START, START + 3)
    extra(world, START, START + 3, requests(1_000, 50))
    world.watch().step()
    view = read_view(world.ledger, world.contract, waivers=(), alerts=(), running="")
    [first, _] = [point for point in view.evidence if point.payoff == "requests slow"]
    assert (first.window, first.distance) == (START * DAY, 0.05)
    assert first.strength > 0


def test_rates_within_their_bounds_and_those_that_nobody_bounds_are_silent(world):
    world.days(START, START + 60)
    extra(world, START, START + 60, requests(1_000, 900))
    assert alarms_of(world) == []
    evidence = [entry.decode(WindowEvidence) for entry in world.ledger.entries("evidence", MODEL)]
    assert all(one.rates == () and one.rates_standing < 0 for one in evidence)


def test_exactly_the_bound_is_no_alarm_however_long(world):
    world.contract = PROMISED
    world.days(START, START + 120)
    extra(world, START, START + 120, requests(1_000, 10))
    extra(world, START, START + 120, refusals(REFERENCE, {"wind": 4}), source="refused")
    assert alarms_of(world) == []


def test_a_rate_that_is_low_again_ends_its_alarm(world):
    world.contract = PROMISED
    world.days(START, START + 10)
    extra(world, START, START + 9, requests(1_000, 300))
    watch = world.watch()
    [entry] = watch.step()
    assert watch.over(entry.id) == ""
    world.days(START + 10, START + 90)
    extra(world, START + 10, START + 90, requests(1_000, 0))
    assert watch.step() == []
    assert "fallen" in watch.over(entry.id)


def test_they_share_the_promise_with_everything_else():
    assert sharing(REFERENCE, PROMISED) == sharing(REFERENCE, CONTRACT) + 3
    source = DataSource(name="flights", kind="file", location="flights.parquet", target="late", id="id")
    assert sharing(REFERENCE, msgspec.structs.replace(CONTRACT, data=(source,))) == sharing(REFERENCE, CONTRACT) + 1
    assert set(bounds(PROMISED.monitoring)) == {"refused", "flagged", "slow"}


def test_bursts_of_refused_requests_at_the_promised_rate_keep_the_promise():
    """All of a day's refusals come from one caller, on one day of a hundred: no independence of rows is assumed."""
    source, limit = np.random.default_rng(5), np.log(5 / chance_a_window(PROMISED.monitoring))
    alarmed = 0
    for _ in range(200):
        rate = Rate(0.01, limit + 5)
        for day in range(365):
            rate.add(day * DAY, Share(400 if source.random() < 0.01 else 0, 400))
            alarmed += rate.log_sum >= limit
            if rate.log_sum >= limit:
                break
    assert alarmed <= 200 / 5, "a fifth of one alarm a year, on average, is this rate's part of the promise"


@given(st.dictionaries(st.sampled_from(["wind", "carrier"]), st.integers(0, 400)))
def test_a_row_at_fault_with_several_features_is_counted_once_at_most(faults):
    counts = msgspec.structs.replace(empty(REFERENCE), rows=400, refused=faults, violations=faults)
    most = max(faults.values(), default=0)
    assert share(counts, "flagged") == Share(most, 400)
    assert share(counts, "refused") == Share(most, 400 + most)


def test_a_window_without_requests_says_nothing():
    rate = Rate(0.01, 30.0)
    rate.add(0, Share(5, 10))
    before = rate.log_sum
    rate.add(DAY, Share(0, 0))
    assert rate.log_sum == before
