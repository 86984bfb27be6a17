"""Another release every second, under load: what is dropped, what is wrong, and what callers wait for it.

    python benchmarks/swaps.py [--quick] [--rate N] [--json FILE]

Two releases of gradient boosting in ONNX Runtime, one worker, callers in a process of their own at a fixed rate. Each
answer is held against what the release that it names says to that row. `around a swap` are the requests that were sent
from its beginning to a quarter of a second after its end; latency counts from the sending, and how late the callers
were with that stands in the last line. `unlogged` are
answered predictions that the log does not hold. A cold start is from the supervisor's start to a worker that is ready,
warm-up included; the first request is the first one after that.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from traffic_parts.world import NAME, World, ask, callers, make

from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame
from shipworthy.serving.supervisor import Supervisor

AFTER = 0.25  # seconds


def main() -> None:
    """A minute of swaps; print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten seconds")
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        world = make(Path(scratch), 2)
        measured = run(world, options.rate, 10.0 if options.quick else 60.0)
    for name, value in measured.items():
        print(f"{name:32} {value:,.3f}" if isinstance(value, float) else f"{name:32} {value:,}")
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1))


def run(world: World, rate: float, seconds: float) -> dict[str, Any]:
    """Swap under load."""
    supervisor = world.supervisor(1)
    began = time.monotonic()
    url = supervisor.start()
    cold = time.monotonic() - began
    try:
        began = time.monotonic()
        ask(url, world.bodies[0])
        first = time.monotonic() - began
        expected = {}
        for number in (2, 1):
            supervisor.swap(world.folder(number))
            expected[number] = [ask(url, body) for body in world.bodies]
        process = callers(url, world, expected, rate, seconds, connections=32)
        swaps = _swap(supervisor, world, seconds)
        output, _ = process.communicate()
    finally:
        supervisor.stop()
    return {
        "cold_start_s": cold,
        "first_request_ms": 1000 * first,
        **_measured(json.loads(output), swaps, world),
    }


def _swap(supervisor: Supervisor, world: World, seconds: float) -> list[tuple[float, float]]:
    """A swap at each full second; when each began and ended."""
    found, begin = [], time.monotonic() + 0.5
    for turn in range(int(seconds) - 1):
        time.sleep(max(0.0, begin + turn - time.monotonic()))
        began = time.monotonic()
        supervisor.swap(world.folder(2 - turn % 2))
        found.append((began, time.monotonic()))
    return found


def _measured(seen: dict[str, Any], swaps: list[tuple[float, float]], world: World) -> dict[str, Any]:
    sent, ms, release = (np.array(seen[name]) for name in ("sent", "ms", "release"))
    around = np.zeros(len(sent), bool)
    for began, ended in swaps:
        around |= (sent >= began) & (sent <= ended + AFTER)
    order = np.argsort(sent)
    changed = order[1:][release[order][1:] != release[order][:-1]]
    return {
        "requests": len(sent) + seen["dropped"],
        "swaps": len(swaps),
        "dropped": seen["dropped"],
        "wrong": seen["wrong"],
        "unlogged": len(set(seen["ids"]) - _logged(world)),
        "swap_ms_median": 1000 * float(np.median([ended - began for began, ended in swaps])),
        "p50_ms": float(np.median(ms)),
        "p99_ms_elsewhere": float(np.quantile(ms[~around], 0.99)) if (~around).any() else 0.0,
        "p99_ms_around_a_swap": float(np.quantile(ms[around], 0.99)),
        "max_ms_around_a_swap": float(ms[around].max()),
        "first_after_a_swap_ms_median": float(np.median(ms[changed])),
        "first_after_a_swap_ms_max": float(ms[changed].max()),
        "callers_late_ms_p99": seen["late_ms"],
    }


def _logged(world: World) -> set[str]:
    found: set[str] = set()
    for segment in reader.segments(world.layout.logs(NAME)):
        head = reader.header(segment.path)
        if head is not None:
            found.update(frame(head, list(reader.read(segment.path))).prediction_ids.to_pylist())
    return found


if __name__ == "__main__":
    main()
