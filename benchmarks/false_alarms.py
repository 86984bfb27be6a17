"""False alarms against the contract's promise, and the delay of true ones: streams without drift, and with one.

    python benchmarks/false_alarms.py [--quick] [--json FILE]

Each stream is a feature of its own seed: a reference of 60 daily windows, its regime settled against itself, then a
year of days through the same bins; after an alarm the evidence begins again, so that every alarm counts. `promise` is
what one false alarm a year allows; `share` is alarms over that. Where a stream drifts it does from day 20 on, and its
false alarms are those before.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from math import log
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts import bins, reference
from shipworthy.monitoring.gathering import Evidence
from shipworthy.monitoring.promise import YEAR, chance_a_window
from shipworthy.monitoring.self_consistency import regime

PROMISE = Monitoring(drift=0.05, false_alarms=1)
REFERENCE_DAYS, ROWS, DRIFT_FROM = 60, 500, 20
Days = Callable[[np.random.Generator, int], np.ndarray]


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


def moved_by(distance: float) -> Days:
    """Independent rows whose mean moves on day 20 so that the total variation is `distance`."""
    shift = 2 * NormalDist().inv_cdf((1 + distance) / 2)

    def days_of(rng: np.random.Generator, days: int) -> np.ndarray:
        found = independent(rng, days)
        if days > REFERENCE_DAYS:
            found[REFERENCE_DAYS + DRIFT_FROM :] += shift
        return found

    return days_of


def other_weather(rng: np.random.Generator, days: int) -> np.ndarray:
    """Weather that becomes two standard deviations warmer on day 20."""
    found = weather(rng, days)
    found[REFERENCE_DAYS + DRIFT_FROM :] += 2
    return found


STREAMS: list[tuple[str, Days, int | None]] = [
    ("independent rows", independent, None),
    ("weekly season", weekly, None),
    ("bursts of 20 rows", bursts, None),
    ("weather", weather, None),
    ("moved by .05, as allowed", moved_by(0.05), None),
    ("moved by .10", moved_by(0.10), DRIFT_FROM),
    ("moved by .15", moved_by(0.15), DRIFT_FROM),
    ("moved by .20", moved_by(0.20), DRIFT_FROM),
    ("other weather", other_weather, DRIFT_FROM),
]


def stream(days_of: Days, seed: int, days: int) -> tuple[list[int], str]:
    """The days of its alarms, and how rows were counted."""
    values = days_of(np.random.default_rng(seed), REFERENCE_DAYS + days)
    history = values[:REFERENCE_DAYS].ravel()
    times = np.repeat(np.arange(REFERENCE_DAYS) * clock.DAY, ROWS)
    built = reference.build(
        (Feature(name="x", type="float"),), [history], times, np.zeros((1, 1)), None, window=PROMISE.window
    )
    payoff = built.payoffs[0]
    settled = regime(payoff, PROMISE)
    codes = bins.assign(payoff.bins, values[REFERENCE_DAYS:].ravel()).reshape(days, ROWS)
    limit, alarms = log(1 / chance_a_window(PROMISE)), []
    evidence = Evidence(payoff.counts, payoff.bins.ordered, settled)
    for day in range(days):
        if evidence.add(np.bincount(codes[day], minlength=payoff.bins.size)).log_sum >= limit:
            alarms.append(day)
            evidence = Evidence(payoff.counts, payoff.bins.ordered, settled)
    return alarms, settled.bets


def measure(name: str, days_of: Days, since: int | None, seeds: int, days: int) -> dict[str, Any]:
    """One line of the table."""
    found = [stream(days_of, seed, days) for seed in range(seeds)]
    until = days if since is None else since
    row: dict[str, Any] = {
        "stream": name,
        "streams": seeds,
        "days": until,
        "false_alarms": sum(day < until for alarms, _ in found for day in alarms),
        "promise": seeds * until * clock.DAY / YEAR,
        "counted_by_row": sum(bets == "row" for _, bets in found) / seeds,
    }
    row["share"] = row["false_alarms"] / row["promise"]
    if since is not None:
        first = [min((day for day in alarms if day >= since), default=None) for alarms, _ in found]
        delays = [day - since for day in first if day is not None]
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


def main() -> None:
    """Run all streams, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer streams")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    seeds, days = (20, 180) if options.quick else (200, 365)
    print(f"{'stream':26}{'false':>6}{'promise':>9}{'by row':>8}{'found':>7}{'delay':>7}")
    rows = []
    for name, days_of, since in STREAMS:
        row = measure(name, days_of, since, seeds, days if since is None else DRIFT_FROM + 100)
        rows.append(row)
        detected = f"{row['found']:7.0%}{row['median_delay'] or 0:7.0f}" if since is not None else ""
        print(
            f"{name:26}{row['false_alarms']:6}{row['promise']:9.1f}{row['counted_by_row']:8.0%}{detected}", flush=True
        )
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
