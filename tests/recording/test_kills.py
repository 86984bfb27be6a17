"""Exactly once, however often the recorder is killed and wherever it then stood."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from recording.logs import MODEL, START, Project, write
from sqlalchemy import select

from shipworthy import clock
from shipworthy.predictions import reader
from shipworthy.store.tables import batches

PROGRAM = Path(__file__).with_name("recorder_program.py")
TESTS = str(PROGRAM.parent.parent)


def _started(project: Project) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), str(project.layout.project)]
    environment = os.environ | {"PYTHONPATH": TESTS}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_every_row_is_recorded_and_counted_once_under_sigkill_at_random_points(project: Project) -> None:
    chance = random.Random(5)
    logs = [project.writer("w0-a", segment_bytes=6_000), project.writer("w1-a", segment_bytes=6_000)]
    hours = [START + hour * clock.HOUR for hour in range(20)]
    ids = [id_ for hour in hours for turn in range(8) for log in logs for id_ in write(log, [hour] * 4, seed=turn)]
    for log in logs:
        log.close()
    kills = 0
    while reader.segments(project.layout.logs(MODEL)) and kills < 4:
        process = _started(project)
        time.sleep(chance.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        kills += 1
    last = _started(project)
    last.communicate(timeout=60)
    assert last.returncode == 0
    assert kills >= 3
    rows = project.predictions()
    assert sorted(rows["prediction_id"]) == sorted(ids)
    counts = project.counts()
    assert {start: found.rows for start, found in counts.items()} == dict.fromkeys(hours, 64)
    assert sum(found.late for found in counts.values()) == 0
    with project.ledger.reading() as connection:
        planned = connection.execute(select(batches)).all()
    assert all(batch.done for batch in planned)
    assert sum(batch.rows for batch in planned) == len(ids)
    assert set(project.newest().values()) == {hours[-1]}
