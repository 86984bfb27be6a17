"""Drift that is only joint: two of six features keep their shares and go together differently, with pairs and without.

    python benchmarks/joint_drift.py [--quick] [--json FILE]

The reference has 60 days of 500 rows and a correlation of 0.8 between the first two features, 0.3 between the next two.
After 20 days of production the first correlation becomes another one; at 0.8 nothing moves, and every alarm is false.
`found` is the share of streams that alarmed after the change, `delay` the median number of days until then; `false` are
alarms of all streams before it, of which `promise` are allowed at one a year. The last lines are what counting costs.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts, count, count_by_window
from shipworthy.models.records import Columns
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.monitoring.promise import YEAR
from shipworthy.monitoring.replaying import replayed

FEATURES = tuple(Feature(name=f"x{place}", type="float") for place in range(6))
REFERENCE_DAYS, ROWS, BEFORE = 60, 500, 20
PAIRS = 4
BECOMES = (0.8, 0.65, 0.5, 0.2, -0.8)


def rows(rng: np.random.Generator, number: int, correlation: float) -> tuple[Columns, np.ndarray]:
    """Six standard normal features, whatever the correlation of the first two, and scores that follow the first."""
    x = list(rng.normal(size=(len(FEATURES), number)))
    x[1] = correlation * x[0] + np.sqrt(1 - correlation**2) * x[1]
    x[3] = 0.3 * x[2] + np.sqrt(1 - 0.09) * x[3]
    said = 1 / (1 + np.exp(-x[0]))
    return [*x], np.stack([1 - said, said], axis=1)


def reference_of(rng: np.random.Generator, pairs: int) -> Reference:
    """Sixty days, settled against themselves."""
    columns, answers = rows(rng, REFERENCE_DAYS * ROWS, 0.8)
    sample = Rows(columns, np.repeat(np.arange(REFERENCE_DAYS) * clock.DAY, ROWS))
    return frozen(FEATURES, sample, sample, answers, Monitoring(pairs=pairs))


def production(rng: np.random.Generator, reference: Reference, days: int, becomes: float) -> dict[int, Counts]:
    """Days after those of the reference, each counted as a window."""
    first = REFERENCE_DAYS + 1
    return {
        (first + day) * clock.DAY: count(reference, *rows(rng, ROWS, 0.8 if day < BEFORE else becomes))
        for day in range(days)
    }


def measure(becomes: float, pairs: int, seeds: int, days: int) -> dict[str, Any]:
    """Streams of different seeds, all with the same change."""
    false, delays = 0, []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 11])
        reference = reference_of(rng, pairs)
        windows = production(rng, reference, days, becomes)
        change = (REFERENCE_DAYS + 1 + BEFORE) * clock.DAY
        alarms = [alarm.window for alarm in replayed(reference, windows, Monitoring(pairs=pairs)).alarms]
        true = [(start - change) // clock.DAY + 1 for start in alarms if start >= change and becomes != 0.8]
        false += len(alarms) - len(true)
        delays += true[:1]
    quiet = days if becomes == 0.8 else BEFORE
    return {
        "becomes": becomes,
        "pairs": pairs,
        "streams": seeds,
        "false_alarms": false,
        "promise": seeds * quiet * clock.DAY / YEAR,
        "found": len(delays) / seeds,
        "median_delay": median(delays) if delays else None,
    }


def counting(rows_: int, repeats: int) -> dict[str, Any]:
    """Seconds to count rows of the six features, with pairs and without; the best of several tries."""
    rng = np.random.default_rng(3)
    columns, answers = rows(rng, rows_, 0.8)
    starts, found = np.zeros(rows_, dtype=np.int64), {}
    for pairs in (0, PAIRS):
        reference = reference_of(np.random.default_rng(3), pairs)
        taken = []
        for _ in range(repeats):
            began = time.perf_counter()
            count_by_window(reference, starts, columns, answers)
            taken.append(time.perf_counter() - began)
        found[pairs] = min(taken)
    a_feature = found[0] / (len(FEATURES) + 2)
    return {
        "without": found[0],
        "with": found[PAIRS],
        "a_pair_in_features": (found[PAIRS] - found[0]) / PAIRS / a_feature,
    }


def main() -> None:
    """Run all, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer streams, fewer days")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    seeds, days = (3, 60) if options.quick else (20, 200)
    print(f"{'correlation becomes':>20}{'pairs':>7}{'false':>7}{'promise':>9}{'found':>7}{'delay':>7}")
    found = []
    for becomes in BECOMES:
        for pairs in (0, PAIRS):
            row = measure(becomes, pairs, seeds, days)
            found.append(row)
            detected = f"{row['found']:7.0%}{row['median_delay'] or 0:7.0f}" if becomes != 0.8 else ""
            print(f"{becomes:20}{pairs:7}{row['false_alarms']:7}{row['promise']:9.2f}{detected}", flush=True)
    speed = counting(200_000 if options.quick else 2_000_000, 3)
    print(f"counting a pair takes as long as counting {speed['a_pair_in_features']:.1f} features")
    if options.json:
        ratios = {"a_pair_in_features": speed["a_pair_in_features"]}
        options.json.write_text(json.dumps({"rows": found, "counting": speed, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
