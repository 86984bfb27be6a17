"""What a replay says of a past is what the watch said while it happened: the same evidence, byte for byte."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from monitoring.world import CONTRACT, DAY, MODEL, changed, opened, rows

from shipworthy.monitoring.records import Alarm, WindowEvidence
from shipworthy.replay.roles import Asked

START, MOVES, END = 19_000, 19_006, 19_030


def table(days, shift):
    parts = []
    for number, seed in days:
        (wind, carrier), answers, late = rows(seed, shift(number))
        at = pa.array(np.full(len(wind), number * DAY // 1000)).cast(pa.timestamp("us", "UTC"))
        parts.append(
            pa.table({"at": at, "wind": wind, "carrier": carrier.tolist(), "score": answers[:, 1], "late": late})
        )
    return pa.concat_tables(parts)


def without_quality(alarm):
    assert alarm.words.endswith(f"; {alarm.quality.words}")
    words = alarm.words.removesuffix(f"; {alarm.quality.words}")
    return msgspec.structs.replace(alarm, quality=None, examples=(), words=words)


def test_a_replay_repeats_what_the_watch_wrote_into_the_ledger(tmp_path, replayed):
    with opened(tmp_path / "live") as world:
        world.contract = changed(CONTRACT, performance=None)
        world.days(START, MOVES)
        world.days(MOVES, END, shift=0.8)
        world.watch().step()
        evidence = [entry.decode(WindowEvidence) for entry in world.ledger.entries("evidence", MODEL)]
        alarms = [entry.decode(Alarm) for entry in world.ledger.entries("alarm", MODEL)]
    pq.write_table(table([(day, 1_000 + day) for day in range(40)], lambda _: 0.0), tmp_path / "train.parquet")
    past = table([(day, day) for day in range(START, END)], lambda day: 0.8 if day >= MOVES else 0.0)
    asked = Asked(label="late", features=("wind", "carrier"))
    found = replayed(past, asked=asked, reference=str(tmp_path / "train.parquet"))
    assert [msgspec.structs.replace(one, release=1) for one in found.evidence] == sorted(
        evidence, key=lambda one: one.window
    )
    said = [msgspec.structs.replace(told.alarm, release=1) for told in found.alarms]
    assert [without_quality(alarm) for alarm in said] == alarms  # whose world has neither labels nor rows
    assert alarms
