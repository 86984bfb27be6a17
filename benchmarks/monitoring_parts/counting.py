"""What one peer takes to count a table: run by `monitoring_speed.py`, in the peer's environment, on one core.

    python counting.py WHO FILE SECONDS

FILE: a NumPy matrix, (rows, features), NaN where null. Prints JSON: cells a second (the best pass that fits into
SECONDS, the first one apart) and the bytes a feature of what it keeps to tell production from the reference later.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

REFERENCE = 20_000  # rows
# Rows of a pass: enough for half a second or so.
ROWS = {"whylogs": 20_000, "evidently": 20_000, "datasketches": 200_000, "shipworthy": 400_000}


def shipworthy(rows: np.ndarray) -> tuple[Callable[[], object], float]:
    """The public way, from an Arrow table with times and scores: `shipworthy.monitoring.count`."""
    import pyarrow as pa

    from shipworthy import monitoring
    from shipworthy.counts.windows import encode

    def table(part: np.ndarray) -> pa.Table:
        columns = {f"x{i}": pa.array(column, from_pandas=True) for i, column in enumerate(part.T)}
        times = np.linspace(0, 5 * 86_400e9, len(part)).astype("datetime64[ns]")
        scores = np.random.default_rng(1).random(len(part))
        return pa.table({"at": times, "score": scores, **columns})

    profile = monitoring.profile(table(rows[:REFERENCE]), score="score", time="at", window="1d")
    current = table(rows)
    counts = next(iter(monitoring.count(profile, current).values()))
    return lambda: monitoring.count(profile, current), len(encode(counts)) / rows.shape[1]


def whylogs(rows: np.ndarray) -> tuple[Callable[[], object], float]:
    """A profile view of a pandas table, serialized."""
    import pandas as pd
    import whylogs as why

    current = pd.DataFrame(np.asfortranarray(rows), columns=[f"x{i}" for i in range(rows.shape[1])])
    return lambda: why.log(current).view(), len(why.log(current).view().serialize()) / rows.shape[1]


def evidently(rows: np.ndarray) -> tuple[Callable[[], object], float]:
    """The drift preset. It keeps no state that could be merged, only rows: those of the reference."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    names = [f"x{i}" for i in range(rows.shape[1])]
    reference, current = pd.DataFrame(rows[:REFERENCE], columns=names), pd.DataFrame(rows, columns=names)
    return lambda: Report([DataDriftPreset()]).run(current, reference).dict(), REFERENCE * rows.itemsize


def datasketches(rows: np.ndarray) -> tuple[Callable[[], object], float]:
    """A KLL sketch a feature, of what is not null, at its default size."""
    from datasketches import kll_doubles_sketch

    columns = [np.ascontiguousarray(column) for column in rows.T]

    def sketches() -> list[kll_doubles_sketch]:
        made = []
        for column in columns:
            sketch = kll_doubles_sketch()
            sketch.update(column[~np.isnan(column)])
            made.append(sketch)
        return made

    return sketches, sum(len(sketch.serialize()) for sketch in sketches()) / rows.shape[1]


def main() -> None:
    """Measure the peer that is named."""
    who, file, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = np.load(file, mmap_mode="r")[: ROWS[who]]
    once, size = {f.__name__: f for f in (shipworthy, whylogs, evidently, datasketches)}[who](np.array(rows))
    once()
    best, until = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < until:
        began = time.perf_counter()
        once()
        best = min(best, time.perf_counter() - began)
    print(json.dumps({"cells_per_s": rows.size / best, "bytes_per_feature": size}))


if __name__ == "__main__":
    main()
