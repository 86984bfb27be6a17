"""What a server does with more than it can: half of its capacity, all of it, two and three times.

    python benchmarks/overload.py [--quick] [--json FILE]

A stand-in that takes 0.3 ms a row, one worker, deadline 50 ms, open loop; first with one row a request, then with 1 to
30 rows. `in time` is the share of answered requests that kept the deadline, `goodput` how many of these came a second,
`refused` the share of 503s; `counted` is whether the metrics count just as many. Latency counts from the sending: where
the generator is late itself (p99 in its column; `cores` is what it took), the machine has no core to spare for it, and
the figures are those of a crowded machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

from shipworthy.contract.records import Contract, Feature, Model, Purpose, Serving
from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.rehearsal.load import Target, closed_loop, open_loop
from shipworthy.serving.launch import rehearse_server

DEADLINE_MS = 50.0
ROW_US = 300.0
SHARES = (0.5, 1.0, 2.0, 3.0)
CONTRACT = Contract(
    model=Model(name="stand-in", task="classification", train="none:none"),
    purpose=Purpose(decision="a benchmark", owner="nobody"),
    features=tuple(Feature(name=f"f{index}", type="float") for index in range(30)),
    serving=Serving(deadline_ms=DEADLINE_MS),
)
ROW = {feature.name: 0.5 for feature in CONTRACT.features}
SIZES = {"one": [1], "mixed": [1, 20, 3, 1, 10, 1, 30, 2, 5, 1, 4, 2]}  # rows of requests, in turn


def main() -> None:
    """Find the capacity, then go beyond it; print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seconds = 2.0 if options.quick else 10.0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        stand_in_bundle(CONTRACT, folder / "bundle", microseconds_row=ROW_US)
        with rehearse_server(folder / "bundle", CONTRACT, folder / "work") as url:
            measured = {name: steps(url, sizes, seconds) for name, sizes in SIZES.items()}
    rows = [{"requests": name, **row} for name, found in measured.items() for row in found]
    ratios = {
        f"{name}_{row['requests']}_{row['load']:g}": row[name] / scale
        for row in rows
        for name, scale in (("goodput", row["capacity"]), ("in_time", 1.0))
    }
    _print(rows)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=1))


def steps(url: str, sizes: list[int], seconds: float) -> list[dict[str, Any]]:
    """Rates up to three times the capacity for requests of such sizes."""
    target = Target(f"{url}/predict", [json.dumps({"rows": [ROW] * size}).encode() for size in sizes])
    capacity = closed_loop(target, connections=16, seconds=min(seconds, 3.0)).rate
    return [{"capacity": capacity, **step(url, target, share, capacity, seconds)} for share in SHARES]


def step(url: str, target: Target, share: float, capacity: float, seconds: float) -> dict[str, Any]:
    """One rate."""
    before = refused(url)
    rate = share * capacity
    load = open_loop(target, rate=rate, requests=int(rate * seconds), limit_ms=DEADLINE_MS)
    served = np.isfinite(load.latencies_ms)
    answered = (load.latencies_ms - load.lateness_ms)[served]  # the generator's lateness is not the server's
    turned_away = load.errors.get("status 503", 0)
    return {
        "load": share,
        "offered": rate,
        "goodput": float((answered <= DEADLINE_MS).sum()) / seconds,
        "in_time": float((answered <= DEADLINE_MS).mean()) if len(answered) else 0.0,
        "refused": turned_away / load.requests,
        "p99_ms": float(np.quantile(answered, 0.99)) if len(answered) else 0.0,
        "p999_ms": float(np.quantile(answered, 0.999)) if len(answered) else 0.0,
        "counted": refused(url) - before == turned_away,
        "errors": load.errors,
        "generator_late_ms": load.generator_late_ms,
        "generator_saturated": load.saturated,
        "generator_cores": load.busy,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    head = ("requests", "load", "offered/s", "goodput/s", "in time", "refused", "p99 ms", "p99.9 ms", "counted")
    print(" ".join(f"{name:>9}" for name in (*head, "late ms", "cores")))
    for row in rows:
        print(
            f"{row['requests']:>9} {row['load']:9.1f} {row['offered']:9,.0f} {row['goodput']:9,.0f} "
            f"{row['in_time']:9.2%} {row['refused']:9.2%} {row['p99_ms']:9.1f} {row['p999_ms']:9.1f} "
            f"{row['counted']!s:>9} {row['generator_late_ms']:9.1f} {row['generator_cores']:9.2f}"
        )


def refused(url: str) -> int:
    """How many requests the server says that it refused for want of time."""
    with urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    (line,) = [one for one in lines if one.startswith("shipworthy_refused_total") and '"deadline"' in one]
    return int(line.rsplit(" ", 1)[1])


if __name__ == "__main__":
    main()
