"""How fast tables are counted for monitoring, and how much is kept of them: ours, and three others, on one core each.

    python benchmarks/monitoring_speed.py [--quick] [--peers whylogs,evidently,datasketches] [--json FILE]

Thirty numeric features: one value in a hundred null, one in a thousand under and one over what the reference held. Ours
is `shipworthy.monitoring.count` on an Arrow table of five days: features by window, score and confidence too, and the
sum of scores in every bin; only cells of features are taken for cells. whylogs makes a profile, datasketches a KLL
sketch a feature, Evidently its drift report, for which it needs the rows of the reference. Each runs in an environment
of its own, pinned to one core, in turns; the best pass of each counts. The counts of ours are then made again from the
same rows split over machines in random order, and have to be the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from shipworthy import monitoring
from shipworthy.counts.windows import encode

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_parts.environments import Unavailable, python_of

PARTS = Path(__file__).resolve().parent / "monitoring_parts"
OURS, PEERS = "shipworthy", ("whylogs", "evidently", "datasketches")
ROWS, FEATURES = 400_000, 30
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS", "POLARS_MAX_THREADS")


def values() -> np.ndarray:
    """(rows, features), column by column in memory."""
    rng = np.random.default_rng(0)
    found = np.asfortranarray(rng.normal(size=(ROWS, FEATURES)))
    found[rng.random(found.shape) < 0.01] = np.nan
    found[20_000::1_000], found[20_500::1_000] = -9.0, 9.0
    return found


def measured(who: str, file: Path, seconds: float) -> dict[str, Any]:
    """One turn of one of them. Unavailable."""
    python = sys.executable if who == OURS else str(python_of(who, PARTS / "locks"))
    done = subprocess.run(
        [python, str(PARTS / "counting.py"), who, str(file), str(seconds)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **dict.fromkeys(ONE_THREAD, "1")},
    )
    if done.returncode:
        raise Unavailable(f"{who}: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return {"who": who, **json.loads(done.stdout.strip().splitlines()[-1])}


def same_bytes(rows: np.ndarray, shards: int) -> bool:
    """Whether rows in random order on several machines give the bytes that all of them on one do."""
    rng = np.random.default_rng(2)
    table = pa.table({f"x{i}": pa.array(column, from_pandas=True) for i, column in enumerate(rows.T)})
    table = table.append_column("score", pa.array(rng.random(len(rows))))
    profile = monitoring.profile(table.slice(0, 20_000), score="score")
    day = "2026-01-01T00:00:00Z"
    parts = np.array_split(rng.permutation(len(rows)), shards)
    merged = monitoring.merge(*(monitoring.count(profile, table.take(pa.array(part)), at=day) for part in parts))
    whole = monitoring.count(profile, table, at=day)
    return {at: encode(one) for at, one in merged.items()} == {at: encode(one) for at, one in whole.items()}


def main() -> None:
    """Measure all in turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short turn of each")
    parser.add_argument("--peers", default=",".join(PEERS), help="whom to measure besides ours; empty: nobody")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    turns, seconds = (1, 2.0) if options.quick else (3, 6.0)
    best: dict[str, dict[str, Any]] = {}
    unavailable: dict[str, str] = {}
    matrix = values()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.npy"
        np.save(file, matrix)
        for who in [OURS, *filter(None, options.peers.split(","))] * turns:
            if who in unavailable:
                continue
            try:
                turn = measured(who, file, seconds)
            except Unavailable as reason:
                unavailable[who] = str(reason)
                continue
            best[who] = max(turn, best.get(who, turn), key=lambda row: row["cells_per_s"])
    rows = sorted(best.values(), key=lambda row: -row["cells_per_s"])
    print(f"{'who':14}{'M cells/s':>11}{'bytes a feature':>17}")
    for row in rows:
        print(f"{row['who']:14}{row['cells_per_s'] / 1e6:11.2f}{row['bytes_per_feature']:17,.0f}")
    for who, reason in unavailable.items():
        print(f"{who:14}{reason}")
    same = same_bytes(matrix[:100_000], 7)
    print(f"the same bytes from 7 machines in random order: {'yes' if same else 'NO'}")
    ratios = {f"over_{row['who']}": best[OURS]["cells_per_s"] / row["cells_per_s"] for row in rows if OURS in best}
    if options.json:
        content = {"rows": rows, "ratios": ratios, "same_bytes_for_any_sharding": same, "unavailable": unavailable}
        options.json.write_text(json.dumps(content, indent=1))
    if not same:
        sys.exit(1)


if __name__ == "__main__":
    main()
