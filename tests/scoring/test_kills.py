"""A scoring job that is killed goes on where it stopped, and no row is scored, refused or logged twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from scoring.jobs import logs, rows

from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame

PROGRAM = Path(__file__).with_name("scoring_program.py")


def _started(folder: Path, pause: float) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(PROGRAM.parent.parent)}
    command = [sys.executable, str(PROGRAM), str(folder), str(pause)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_every_row_is_scored_and_logged_once_under_sigkill_at_random_points(tmp_path: Path) -> None:
    table = rows(2_000, distance=[-1.0 if number % 7 == 0 else 1.0 for number in range(2_000)])
    pq.write_table(table, tmp_path / "in.parquet")
    chance, killed = random.Random(3), 0
    for _ in range(5):
        process = _started(tmp_path, pause=0.02)
        time.sleep(chance.uniform(0.0, 0.6))
        killed += process.poll() is None
        process.kill()
        process.communicate()
    last = _started(tmp_path, pause=0.0)
    last.communicate(timeout=60)
    assert last.returncode == 0
    assert killed >= 3
    out, refused = pl.read_delta(str(tmp_path / "out")), pl.read_delta(str(tmp_path / "out.refused"))
    assert sorted([*out["booking"], *refused["booking"]]) == sorted(table["booking"].to_pylist())
    assert len(refused) == 286
    logged = []
    for segment in reader.segments(logs(tmp_path)):
        header = reader.header(segment.path)
        assert header is not None
        assert segment.finished
        logged.append(frame(header, list(reader.read(segment.path))))
    assert sorted(id_ for one in logged for id_ in one.prediction_ids.to_pylist()) == sorted(out["prediction_id"])
    assert sum(one.refused["distance"] for one in logged) == 286
