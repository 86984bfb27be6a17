"""False alarms against the contract's promise, and the delay of true ones: streams without drift, and with one.

    python benchmarks/false_alarms.py [--quick] [--only WORD] [--json FILE]

Each stream is a feature of its own seed: a reference of 60 daily windows (or of 42 days of hourly ones), its regime
settled against itself, then a year of days (60 days of hours) through the same bins; after an alarm the evidence begins
again, so that every alarm counts. `promise` is what one false alarm a year allows; `share` is alarms over that. Where a
stream drifts it does from day 20 on (hour 240), and its false alarms are those before. Streams with a season are
measured twice: with slots where the reference asks for them, as is the default, and with season = "none".
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring, Season
from shipworthy.counts import bins, windows
from shipworthy.counts.reference import Reference
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.monitoring.gathering import Evidence
from shipworthy.monitoring.grouping import by_group
from shipworthy.monitoring.promise import YEAR, chance_a_window

REFERENCE_DAYS, ROWS, DRIFT_FROM = 60, 500, 20
REFERENCE_HOURS, HOURLY_ROWS, HOURLY_DRIFT_FROM = 42 * 24, 100, 240
START = clock.from_iso("2024-01-01T00:00:00")  # a Monday
Days = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True)
class Stream:
    """A feature's values, (windows, rows), and what windows they come in."""

    name: str
    values: Days
    since: int | None = None  # window of production from which on it drifts
    season: Season = "auto"
    window: int = clock.DAY
    reference: int = REFERENCE_DAYS  # windows


def independent(rng: np.random.Generator, days: int) -> np.ndarray:
    """Rows that have nothing to do with each other."""
    return rng.normal(size=(days, ROWS))


def weekly(rng: np.random.Generator, days: int) -> np.ndarray:
    """Weekends differ from weekdays by a total variation of 0.2."""
    weekend = np.isin(np.arange(days) % 7, (5, 6))
    return rng.normal(size=(days, ROWS)) + np.where(weekend, 0.5, 0.0)[:, None]


def bursts(rng: np.random.Generator, days: int) -> np.ndarray:
    """Every row comes twenty times."""
    return np.repeat(rng.normal(size=(days, ROWS // 20)), 20, axis=1)


def weather(rng: np.random.Generator, days: int) -> np.ndarray:
    """The rows of a day share most of their value, and it lasts for days."""
    level, found = 0.0, np.empty((days, ROWS))
    for day in range(days):
        level = 0.7 * level + rng.normal() * np.sqrt(1 - 0.7**2)
        found[day] = level + 0.3 * rng.normal(size=ROWS)
    return found


def moved(values: Days, distance: float, since: int) -> Days:
    """A stream whose mean moves in window `since`, so that independent rows differ by `distance` in total variation."""
    shift = 2 * NormalDist().inv_cdf((1 + distance) / 2)

    def windows_of(rng: np.random.Generator, windows: int) -> np.ndarray:
        found = values(rng, windows)
        found[since:] += shift
        return found

    return windows_of


def moved_by(distance: float, values: Days = independent) -> Days:
    """A stream of days that moves on day 20."""
    return moved(values, distance, REFERENCE_DAYS + DRIFT_FROM)


def hourly_moved(values: Days, distance: float) -> Days:
    """A stream of hours that moves."""
    return moved(values, distance, REFERENCE_HOURS + HOURLY_DRIFT_FROM)


def other_weather(rng: np.random.Generator, days: int) -> np.ndarray:
    """Weather that becomes two standard deviations warmer on day 20."""
    found = weather(rng, days)
    found[REFERENCE_DAYS + DRIFT_FROM :] += 2
    return found


def by_hour(rng: np.random.Generator, hours: int) -> np.ndarray:
    """The mean follows the hour of the day, by up to a total variation of 0.2."""
    found = rng.normal(size=(hours, HOURLY_ROWS))
    return found + 0.5 * np.sin(2 * np.pi * np.arange(hours) / 24)[:, None]


def by_hour_of_the_week(rng: np.random.Generator, hours: int) -> np.ndarray:
    """Nights of the weekend are others than nights of the week."""
    weekend = np.arange(hours) // 24 % 7 >= 5
    return by_hour(rng, hours) + np.where(weekend & (np.arange(hours) % 24 < 8), 0.8, 0.0)[:, None]


def regimes(rng: np.random.Generator, days: int) -> np.ndarray:
    """Two worlds, half a standard deviation apart, each for about ten days, so that the reference knows both."""
    state, found = 0.0, rng.normal(size=(days, ROWS))
    for day in range(days):
        state = 0.5 - state if rng.random() < 1 / 10 else state
        found[day] += state
    return found


def _hourly(name: str, values: Days, since: int | None = None, season: Season = "auto") -> Stream:
    return Stream(name, values, since, season, clock.HOUR, REFERENCE_HOURS)


STREAMS = [
    Stream("independent rows", independent),
    Stream("weekly season", weekly),
    Stream("weekly season, no slots", weekly, season="none"),
    _hourly("hours of the day", by_hour),
    _hourly("hours of the day, no slots", by_hour, season="none"),
    _hourly("hours of the week", by_hour_of_the_week),
    _hourly("hours of the week, no slots", by_hour_of_the_week, season="none"),
    Stream("bursts of 20 rows", bursts),
    Stream("weather", weather),
    Stream("two regimes of ten days", regimes),
    Stream("moved by .05, as allowed", moved_by(0.05)),
    Stream("moved by .10", moved_by(0.10), DRIFT_FROM),
    Stream("moved by .15", moved_by(0.15), DRIFT_FROM),
    Stream("moved by .20", moved_by(0.20), DRIFT_FROM),
    Stream("bursts moved by .15", moved_by(0.15, bursts), DRIFT_FROM),
    Stream("week moved by .15", moved_by(0.15, weekly), DRIFT_FROM),
    Stream("week moved by .15, no slots", moved_by(0.15, weekly), DRIFT_FROM, season="none"),
    _hourly("hours moved by .15", hourly_moved(by_hour, 0.15), HOURLY_DRIFT_FROM),
    _hourly("hours moved by .15, no slots", hourly_moved(by_hour, 0.15), HOURLY_DRIFT_FROM, season="none"),
    Stream("other weather", other_weather, DRIFT_FROM),
]


def stream(one: Stream, seed: int, length: int) -> tuple[list[int], str]:
    """The windows of its alarms, and how rows were counted."""
    values = one.values(np.random.default_rng(seed), one.reference + length)
    rows = values.shape[1]
    times = START + np.repeat(np.arange(one.reference + length) * one.window, rows)
    before = one.reference * rows
    promise = Monitoring(drift=0.05, false_alarms=1, window=one.window, season=one.season)
    nothing = Rows([np.zeros(1)], None)
    reference = frozen(
        (Feature(name="x", type="float"),),
        Rows([values.ravel()[:before]], times[:before]),
        nothing,
        np.zeros((1, 1)),
        promise,
    )
    regime, payoff = reference.regimes[0], reference.payoffs[0]
    limit, alarms = log(1 / chance_a_window(promise)), []
    compared = np.array(payoff.by_group or payoff.counts)
    evidence = Evidence(compared, payoff.bins.ordered, regime)
    later = counted(reference, values[one.reference :], times[before:].reshape(length, rows), one.window)
    for number, counts in enumerate(later):
        if evidence.add(by_group(reference, counts)[0]).log_sum >= limit:
            alarms.append(number)
            evidence = Evidence(compared, payoff.bins.ordered, regime)
    how = regime.bets if regime.burst == 1 else "burst"
    return alarms, f"{how} by {regime.season}" if regime.groups else how


def counted(reference: Reference, values: np.ndarray, times: np.ndarray, window: int) -> list[windows.Counts]:
    """One a window."""
    flat, answers = times.ravel(), np.zeros((times.size, 1))
    found = windows.count_by_window(reference, flat - flat % window, [values.ravel()], answers, times=flat)
    return [found[start] for start in sorted(found)]


def measure(one: Stream, seeds: int, length: int) -> dict[str, Any]:
    """One line of the table."""
    found = [stream(one, seed, length) for seed in range(seeds)]
    until = length if one.since is None else one.since
    row: dict[str, Any] = {
        "stream": one.name,
        "streams": seeds,
        "windows": until,
        "false_alarms": sum(number < until for alarms, _ in found for number in alarms),
        "promise": seeds * until * one.window / YEAR,
        "counted": dict(Counter(how for _, how in found).most_common()),
    }
    row["share"] = row["false_alarms"] / row["promise"]
    if one.since is not None:
        first = [min((number for number in alarms if number >= until), default=None) for alarms, _ in found]
        delays = [number - until for number in first if number is not None]
        row |= {"found": len(delays) / seeds, "median_delay": float(np.median(delays)) if delays else None}
    return row


def counting_speed(rows: int) -> dict[str, Any]:
    """Numeric cells binned and counted a second on one core, one in a hundred of them null."""
    values = np.random.default_rng(0).normal(size=rows)
    values[::100] = np.nan
    cells = bins.build("float", values[:20_000])
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        np.bincount(bins.assign(cells, values), minlength=cells.size)
        best = max(best, rows / (time.perf_counter() - began))
    began = time.perf_counter()
    np.bincount(np.searchsorted(cells.edges, values, side="right"))
    searched = rows / (time.perf_counter() - began)
    return {"cells_per_second": best, "searchsorted_cells_per_second": searched}


def _extent(one: Stream, *, quick: bool) -> tuple[int, int]:
    """How many streams, and how many windows each."""
    seeds = 20 if quick else 200
    if one.window < clock.DAY:
        return max(4, seeds // 5), 60 * 24 if one.since is None else one.since + 100
    return seeds, (180 if quick else 365) if one.since is None else one.since + 100


def main() -> None:
    """Run all streams, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer streams")
    parser.add_argument("--only", default="", help="streams whose names hold this")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    print(f"{'stream':30}{'false':>6}{'promise':>9}{'found':>7}{'delay':>7}  counted")
    rows = []
    for one in STREAMS:
        if options.only not in one.name:
            continue
        row = measure(one, *_extent(one, quick=options.quick))
        rows.append(row)
        detected = f"{row['found']:7.0%}{row['median_delay'] or 0:7.0f}" if one.since is not None else " " * 14
        how = ", ".join(f"{name} {number}" for name, number in row["counted"].items())
        print(f"{one.name:30}{row['false_alarms']:6}{row['promise']:9.1f}{detected}  {how}", flush=True)
    speed = counting_speed(2_000_000 if options.quick else 20_000_000)
    print(f"{speed['cells_per_second'] / 1e6:.0f}M numeric cells a second counted on one core")
    ratios = {
        "worst_share_of_promise": max(row["share"] for row in rows),
        "searchsorted": speed["cells_per_second"] / speed["searchsorted_cells_per_second"],
    }
    if options.json:
        options.json.write_text(
            json.dumps({"rows": [*rows, {"stream": "counting", **speed}], "ratios": ratios}, indent=1)
        )


if __name__ == "__main__":
    main()
