"""What logging costs an answer, and whether the recorder keeps up with it.

    python benchmarks/recording.py [--quick] [--json FILE]

`durability`: one tick of 24 rows of thirty numbers appended to the log, as a worker does it before it answers; with
"disk" it is synced, too. `recorder`: a writer in a process of its own appends one-row records as fast as it can (or at
--rate) for some seconds while a recorder in another follows it into Delta and windows; `left` is what is not recorded
when the writer stops, `catch up` what that then takes. A recorder with a core of its own keeps up with a saturated
worker where its records/s are more than the worker answers.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from shipworthy import clock
from shipworthy.contract.records import Contract, Feature, Model, Purpose, Recording
from shipworthy.counts import reference
from shipworthy.models.records import SideBySide
from shipworthy.predictions.log import LogWriter
from shipworthy.recording.recorder import Recorder
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare

FEATURES = tuple(Feature(name=f"f{index}", type="float") for index in range(30))
CONTRACT = Contract(
    model=Model(name="any", task="classification", train="none:none"),
    purpose=Purpose(decision="a benchmark", owner="nobody"),
    features=FEATURES,
    recording=Recording(commit_every=5 * clock.SECOND),
)
CLASSES = (0, 1)
TICK = 24  # rows


def main() -> None:
    """Both; print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rate", type=float, help="one-row records a second; as many as there can be if not given")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seconds = 3.0 if options.quick else 20.0
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:  # /tmp may be memory, which syncs for nothing
        durability = [appending(Path(scratch), kind, seconds) for kind in ("process", "disk")]
        recorder = following(Path(scratch) / "project", seconds, options.rate)
    print(f"{'durability':>10} {'ticks/s':>10} {'rows/s':>12} {'p50 us':>9} {'p99 us':>9} {'p99.9 us':>9}")
    for row in durability:
        print(
            f"{row['durability']:>10} {row['ticks_per_second']:10,.0f} {row['rows_per_second']:12,.0f} "
            f"{row['p50_us']:9,.1f} {row['p99_us']:9,.1f} {row['p999_us']:9,.1f}"
        )
    for name, value in recorder.items():
        print(f"{name:>28} {value:14,.2f}")
    if options.json:
        options.json.write_text(json.dumps({"durability": durability, "recorder": recorder}, indent=1))


def appending(scratch: Path, durability: Any, seconds: float) -> dict[str, Any]:
    """Ticks one after the other."""
    log = LogWriter(scratch / "log", f"w0-{durability}", durability=durability)
    log.open("any", 1, FEATURES, CLASSES)
    columns, values = _rows(TICK)
    took = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        log.append(clock.now(), TICK, columns, values)
        took.append(time.perf_counter() - began)
    log.close()
    p50, p99, p999 = 1e6 * np.quantile(took, (0.5, 0.99, 0.999))
    rate = len(took) / sum(took)
    return {
        "durability": durability,
        "ticks_per_second": rate,
        "rows_per_second": TICK * rate,
        "p50_us": float(p50),
        "p99_us": float(p99),
        "p999_us": float(p999),
    }


def following(project: Path, seconds: float, rate: float | None) -> dict[str, float]:
    """A writer in one process, a recorder in this one."""
    layout = Layout(project)
    prepare(layout)
    columns, values = _rows(500)
    compared = reference.build(FEATURES, columns, None, values, None, window=CONTRACT.monitoring.window)
    recorder = Recorder(layout, "any", Ledger(layout.ledger_url), CONTRACT, lambda _: compared)
    writer = multiprocessing.get_context("spawn").Process(target=_write, args=(layout.logs("any"), seconds, rate))
    writer.start()
    while not layout.logs("any").is_dir():
        time.sleep(0.01)
    began, processor = time.monotonic(), time.process_time()
    while writer.is_alive():
        if not recorder.step():
            time.sleep(0.05)
    wrote, left = time.monotonic() - began, recorder.lag()
    stopped = time.monotonic()
    recorder.flush()
    caught_up = time.monotonic() - stopped
    spent = time.process_time() - processor
    rows = _recorded(layout)
    recorder.close()
    return {
        "rows": float(rows),
        "written_per_second": rows / wrote,
        "recorded_per_cpu_second": rows / spent,
        "left_rows": float(left.rows),
        "left_bytes": float(left.bytes),
        "left_seconds": left.seconds,
        "catch_up_seconds": caught_up,
    }


def _write(logs: Path, seconds: float, rate: float | None) -> None:
    log = LogWriter(logs, "w0-1")
    log.open("any", 1, FEATURES, CLASSES)
    columns, values = _rows(1)
    begin, written = time.monotonic(), 0
    while (elapsed := time.monotonic() - begin) < seconds:
        if rate is not None and written >= rate * elapsed:
            time.sleep(0.001)
            continue
        log.append(clock.now(), 1, columns, values)
        written += 1
    log.close()


def _recorded(layout: Layout) -> int:
    from deltalake import DeltaTable

    return int(DeltaTable(str(layout.predictions("any"))).count())


def _rows(count: int) -> tuple[SideBySide, Any]:
    """As a worker has them."""
    source, width = np.random.default_rng(0), len(FEATURES)
    late = source.random(count)
    return SideBySide(source.normal(size=(count, width)), range(width), {}, width), np.stack([1 - late, late], axis=1)


if __name__ == "__main__":
    main()
