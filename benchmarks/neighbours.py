"""What a busy neighbour does to latency: a worker with one thread set for its libraries, and with their defaults.

    python benchmarks/neighbours.py [--quick] [--json FILE]

A gradient boosting of scikit-learn, served by ONNX Runtime and by the library's own call, which starts a thread a core
with OpenMP; one row a request, four connections, alone and beside a process that keeps a core busy. Our supervisor sets
one thread for every worker; `default threads` is the same worker without that, which is what a server gets that says
nothing. Median of interleaved rounds. What stands out on an idle machine stands out more on a crowded one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_parts.load import Request, closed_loop
from serving_parts.models import Prepared, floats

from shipworthy.contract.records import Contract
from shipworthy.models.bundle import Bundle, write_description
from shipworthy.serving import process
from shipworthy.serving.launch import rehearse_server

CONNECTIONS = 4
NEIGHBOUR = "while True: pass"
WAYS = (("ONNX Runtime", "onnx", True), ("own call", "python", True), ("own call, default threads", "python", False))


def main() -> None:
    """Measure each way of serving alone and with the neighbour; print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds each")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    seconds, rounds = (2.0, 1) if options.quick else (6.0, 3)
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        prepared = floats(Path(scratch) / "floats")
        for _ in range(rounds):
            for name, runtime, limited in WAYS:
                measured += [{"way": name, **row} for row in one(prepared, runtime, limited, seconds)]
    rows = medians(measured)
    p99 = {(row["way"], row["neighbours"]): row["p99_ms"] for row in rows}
    ratios = {f"p99_{name.replace(',', '').replace(' ', '_')}": p99[name, 1] / p99[name, 0] for name, _, _ in WAYS}
    print(f"{'way':28} {'neighbours':>10} {'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'cpu µs':>8}")
    for row in rows:
        print(
            f"{row['way']:28} {row['neighbours']:10} {row['requests_per_second']:8,.0f} {row['p50_ms']:8.2f} "
            f"{row['p99_ms']:8.2f} {row['cpu_us']:8.0f}"
        )
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=1))


def one(prepared: Prepared, runtime: str, limited: bool, seconds: float) -> Iterator[dict[str, Any]]:
    """One way of serving, alone and with the neighbour."""
    with server(prepared, runtime, limited) as url:
        request = Request(f"{url}/predict", prepared.named(1))
        closed_loop(request, CONNECTIONS, 1.0, os.getpid())
        for neighbours in (0, 1):
            with busy(neighbours):
                yield {"neighbours": neighbours, **closed_loop(request, CONNECTIONS, seconds, os.getpid())}


@contextmanager
def server(prepared: Prepared, runtime: str, limited: bool) -> Iterator[str]:
    """Our server with one runtime; where it is not limited, its libraries start as many threads as they like."""
    folder = prepared.scratch / runtime
    if not folder.exists():
        shutil.copytree(prepared.scratch / "release", folder)
        write_description(folder, msgspec.structs.replace(Bundle.open(folder).description, online=runtime))
    contract = msgspec.json.decode((folder / "contract.json").read_bytes(), type=Contract)
    limits = dict(process.ONE_THREAD)
    if not limited:
        process.ONE_THREAD.clear()
    try:
        with rehearse_server(folder, contract, prepared.scratch / "work") as url:
            yield url
    finally:
        process.ONE_THREAD.update(limits)


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that keep a core busy each."""
    neighbours = [subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) for _ in range(count)]
    try:
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def medians(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for all rounds."""
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in measured:
        groups.setdefault((row["way"], row["neighbours"]), []).append(row)
    figures = ("requests_per_second", "p50_ms", "p99_ms", "cpu_us")
    return [
        {**group[0], **{figure: statistics.median(row[figure] for row in group) for figure in figures}}
        for group in groups.values()
    ]


if __name__ == "__main__":
    main()
