"""A past year of predictions replayed: how long it takes, how much memory, and how often other rules would have paged.

    python benchmarks/replay.py [--quick] [--json FILE]

The flights of 2013 with the scores of boosted trees that were trained on January. Reference: February and March. The
year is replayed by `watch --log` in a process of its own, once as it is and once with its rows from April on ten times
over, so that memory can be seen not to grow with the log. `pages` are windows in which a rule fires on any column;
`before` those at most 30 windows before labels showed that the AUC had fallen.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shipworthy.demo import flights
from shipworthy.replay.roles import Asked
from shipworthy.wiring.replaying import Settings, watch_log

SETTINGS = Settings("2013-02-01..2013-03-31", compare=("all",))
TIMES = 10
# Without the weekday, which any rule that compares a day with months must page for.
WATCHED = tuple(name for name in flights.FEATURES if name not in ("scheduled_departure", "weekday"))


def scored() -> pa.Table:
    """The year, with a column of scores."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    year = flights.read()
    names = [name for name in flights.FEATURES if name != "scheduled_departure"]
    inputs = np.column_stack([_numbers(year[name].combine_chunks()) for name in names])
    known = pc.is_valid(year["late"]).to_numpy()
    january = pc.less(year["scheduled_departure"], datetime(2013, 2, 1, tzinfo=UTC)).to_numpy() & known
    late = pc.fill_null(year["late"], fill_value=False).to_numpy()
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(inputs[january], late[january])
    return year.drop(["filed_at"]).append_column("score", pa.array(model.predict_proba(inputs)[:, 1]))


def _numbers(column: Any) -> np.ndarray:
    if pa.types.is_string(column.type):
        column = column.dictionary_encode().indices
    return column.to_numpy(zero_copy_only=False).astype(np.float64)


def write(year: pa.Table, folder: Path, times: int) -> Path:
    """A folder of Parquet: the year, and what follows the reference as often as asked for again."""
    folder.mkdir()
    pq.write_table(year, folder / "0.parquet")
    later = year.filter(pc.field("scheduled_departure") >= datetime(2013, 4, 1, tzinfo=UTC))
    for number in range(1, times):
        pq.write_table(later, folder / f"{number}.parquet")
    return folder


def replay(folder: Path) -> dict[str, Any]:
    """What this process finds, and what it took."""
    began = time.perf_counter()
    found = watch_log(folder.parent, str(folder), Asked(label="late", features=WATCHED), SETTINGS, lambda *_: None)
    ours = [told.relation for told in found.alarms]
    rules = [msgspec.to_builtins(one) for one in found.compared]
    rules.append({"rule": "shipworthy", "pages": len(ours), "runs": len(ours), "before": ours.count("before")})
    return {
        "rows": found.rows,
        "windows": len(found.evidence),
        "seconds": time.perf_counter() - began,
        "peak_mb": peak_mb(),
        "falls": len(found.falls),
        "alarms": [told.alarm.words for told in found.alarms],
        "rules": rules,
    }


def peak_mb() -> float:
    """Largest memory of this process so far; unlike getrusage's, it knows nothing of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    """Replay both logs, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="twice instead of ten times over")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)  # a log to replay in a process of its own
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(replay(options.one)))
        return
    found = []
    with tempfile.TemporaryDirectory() as folder:
        year = scored()
        print(f"{'rows':>10}{'windows':>9}{'seconds':>9}{'peak MB':>9}")
        for times in (1, 2 if options.quick else TIMES):
            log = write(year, Path(folder) / str(times), times)
            command = [sys.executable, __file__, "--one", str(log)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            row = json.loads(done.stdout)
            found.append({"times": times, **row})
            print(f"{row['rows']:10,}{row['windows']:9}{row['seconds']:9.1f}{row['peak_mb']:9.0f}", flush=True)
    print(f"\n{'rule':16}{'pages':>7}{'runs':>6}{'before':>8}")
    for rule in found[0]["rules"]:
        print(f"{rule['rule']:16}{rule['pages']:7}{rule['runs']:6}{rule['before']:8}")
    print(*found[0]["alarms"], sep="\n")
    if options.json:
        ratios = {
            "peak_memory": found[1]["peak_mb"] / found[0]["peak_mb"],
            "rows_per_second": found[1]["rows"] / found[1]["seconds"],
        }
        options.json.write_text(json.dumps({"rows": found, "ratios": ratios}, indent=1))


if __name__ == "__main__":
    main()
