"""From logs to Delta and windows: when, into which window, and never twice."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl
import pytest
from recording.logs import CLASSES, CONTRACT, FEATURES, MODEL, START, Project, answers_of, columns_of, write
from sqlalchemy import delete, select, update

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.counts.reference import build
from shipworthy.counts.tabulation import By
from shipworthy.counts.windows import count_by_window, encode
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame
from shipworthy.recording import batches
from shipworthy.recording.batches import Batch
from shipworthy.recording.table import PredictionTable, rows_of
from shipworthy.recording.times import times_of
from shipworthy.store.tables import batches as batches_table
from shipworthy.store.tables import leases, progress

HOURS = [START + index * clock.HOUR for index in range(6)]


def test_every_logged_row_is_in_delta_once_and_in_its_window(project: Project) -> None:
    logs = [project.writer("w0-a"), project.writer("w1-a")]
    ids = [id_ for hour in HOURS for turn in range(10) for log in logs for id_ in write(log, [hour] * 4, seed=turn)]
    project.recorder().flush()
    rows = project.predictions()
    assert sorted(rows["prediction_id"]) == sorted(ids)
    assert {start: counts.rows for start, counts in project.counts().items()} == dict.fromkeys(HOURS, 80)
    assert project.newest() == {"w0-a": HOURS[-1], "w1-a": HOURS[-1]}


def test_a_source_that_is_recorded_first_makes_no_row_of_another_late(project: Project) -> None:
    """In a replay the seconds between two commits are days of event time."""
    contract = msgspec.structs.replace(
        CONTRACT, recording=msgspec.structs.replace(CONTRACT.recording, commit_bytes=500)
    )
    logs = [project.writer("w0-a"), project.writer("w1-a")]
    days = [START + day * clock.DAY for day in range(10)]
    for day in days:
        for log in logs:
            write(log, [day] * 3)
    project.recorder(contract).flush()
    counts = project.counts()
    assert {start: (found.rows, found.late) for start, found in counts.items()} == dict.fromkeys(days, (6, 0))


def test_counts_are_those_of_all_rows_at_once(project: Project) -> None:
    log, times = project.writer("w0-a"), [HOURS[0] + minute * clock.MINUTE for minute in range(90)]
    for seed in range(20):
        write(log, times, seed)
    project.recorder().flush()
    parts = [columns_of(times, seed) for seed in range(20)]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    windows = columns[3].astype(np.int64) // clock.HOUR * clock.HOUR
    whole = count_by_window(project.reference, windows, columns, answers_of(columns))
    assert project.counts() == whole


def test_slots_are_counted_the_same_by_any_number_of_sources_and_again_from_the_table(project: Project) -> None:
    """Late rows too: they stand in the first window still open, under their own hour."""
    columns = columns_of([START + index * clock.MINUTE for index in range(500)], seed=9)
    times = columns[3].astype(np.int64)
    answers = answers_of(columns)
    project.reference = build(
        FEATURES, columns, times, answers, None, window=clock.HOUR, event_time="at", by=By("hour-of-day")
    )
    minutes = [HOURS[0] + minute * clock.MINUTE for minute in range(0, 300, 7)]
    logs = [project.writer("w0-a"), project.writer("w1-a")]
    recorder = project.recorder()
    for turn, log in enumerate(logs):
        write(log, minutes[turn::2], seed=turn)
    recorder.flush()
    write(logs[0], [HOURS[0] + clock.MINUTE] * 5, seed=3)  # hours after its window has closed
    recorder.flush()
    found = project.counts()
    rows = project.predictions()
    features = rows["features"].struct.unnest()
    again = [
        features["carrier"].to_numpy().astype(object),
        features["wind"].to_numpy().astype(float),
        features["seats"].to_numpy(),
        features["at"].dt.timestamp("ns").to_numpy(),
    ]
    at = rows["event_time"].dt.timestamp("ns").to_numpy()
    open_from = next(start for start, counts in found.items() if counts.late)
    was_late = at == HOURS[0] + clock.MINUTE
    placed = np.where(was_late, open_from, at // clock.HOUR * clock.HOUR)
    whole = count_by_window(
        project.reference, placed, again, np.array(rows["values"].to_list()), times=at, late=was_late
    )
    assert {start: encode(counts) for start, counts in whole.items()} == {
        start: encode(counts) for start, counts in found.items()
    }
    assert found[open_from].late == 5
    assert HOURS[0] // clock.HOUR % 24 in [slot for slot, _ in found[open_from].by_slot]


def test_a_row_keeps_all_that_was_asked_and_said(project: Project) -> None:
    log = project.writer("w0-a", release=7)
    columns = columns_of([START], seed=1)
    columns[1] = np.array([np.nan])
    offset = log.append(START + clock.SECOND, 1, columns, np.array([[0.25, 0.75]]), ["booking-1"], [(0, 1)])
    project.recorder().flush()
    (row,) = project.predictions().to_dicts()
    assert row["prediction_id"] == f"7-w0-a-0-{offset}-0"
    assert (row["id"], row["model"], row["release"], row["source"]) == ("booking-1", MODEL, 7, "w0-a")
    assert (clock.from_datetime(row["arrived"]), clock.from_datetime(row["event_time"])) == (
        START + clock.SECOND,
        START,
    )
    assert clock.from_datetime(row["window"]) == START
    assert row["features"] == {
        "carrier": columns[0][0],
        "wind": None,
        "seats": int(columns[2][0]),
        "at": clock.to_datetime(START),
    }
    assert (row["values"], row["prediction"], row["score"], row["confidence"]) == ([0.25, 0.75], "1", 0.75, 0.75)
    assert row["flags"] == ["wind"]
    assert project.counts()[START].violations == {"wind": 1}


def test_what_is_neither_old_nor_much_nor_finished_waits(project: Project) -> None:
    recorder, log = project.recorder(), project.writer("w0-a")
    assert not recorder.step()
    write(log, HOURS[:1])
    assert not recorder.step()
    assert recorder.lag().bytes > 0
    assert recorder.lag().sources == 1
    write(log, HOURS * 30)  # more than commit_bytes
    assert recorder.step()
    assert len(project.predictions()) == 181


def test_what_is_old_is_recorded(project: Project) -> None:
    recorder, log = project.recorder(), project.writer("w0-a")
    recorder.step()
    write(log, HOURS[:1], arrived=clock.now() - 2 * clock.HOUR)
    assert recorder.lag().seconds > 7_000
    assert recorder.step()
    assert recorder.lag() == recorder.lag().__class__(0, 0.0, 0)


def test_what_a_killed_recorder_counted_and_did_not_announce_is_announced_by_the_next(project: Project) -> None:
    log = project.writer("w0-a")
    write(log, HOURS)
    log.close()
    project.recorder().flush()
    with project.ledger.transaction() as connection:
        connection.execute(delete(progress))
        connection.execute(update(leases).values(until=0))
    project.recorder().step()
    assert project.newest() == {"w0-a": HOURS[-1]}


def test_finished_segments_are_recorded_and_removed_and_dead_sources_too(project: Project) -> None:
    log = project.writer("w0-a", segment_bytes=500)
    for seed in range(10):
        write(log, HOURS, seed)
    recorder = project.recorder()
    while recorder.step():
        pass
    assert [segment.number for segment in reader.segments(project.layout.logs(MODEL))] == [log.segment]
    log.close()
    recorder.flush()
    assert [path.name for path in project.layout.logs(MODEL).iterdir()] == ["identity"]
    assert len(project.predictions()) == 60


def test_a_torn_tail_was_never_answered_and_goes_with_its_segment(project: Project) -> None:
    log = project.writer("w0-a")
    ids = write(log, HOURS)
    write(log, HOURS)
    path = project.layout.logs(MODEL) / "w0-a" / "00000000.log"
    log.close()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3)
    project.recorder().flush()
    assert sorted(project.predictions()["prediction_id"]) == sorted(ids)
    assert not path.exists()


def test_a_damaged_record_stops_its_source_and_no_other(project: Project) -> None:
    good, bad = project.writer("w0-a"), project.writer("w1-a")
    ids = write(good, HOURS) + write(bad, HOURS)
    write(bad, HOURS)
    path = project.layout.logs(MODEL) / "w1-a" / "00000000.log"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    recorder = project.recorder()
    recorder.flush()
    assert sorted(project.predictions()["prediction_id"]) == sorted(ids)
    assert "changed" in recorder.faults["w1-a"]
    assert set(recorder.faults) == {"w1-a"}


def test_late_rows_count_into_the_first_open_window_and_are_said_to_be_late(project: Project) -> None:
    log, recorder = project.writer("w0-a"), project.recorder()
    write(log, HOURS)
    recorder.flush()
    write(log, [HOURS[0], HOURS[4]])  # watermark: HOURS[5] - 1 h, so HOURS[4] is the first open window
    recorder.flush()
    counts = project.counts()
    assert counts[HOURS[0]].rows == 1
    assert (counts[HOURS[4]].rows, counts[HOURS[4]].late) == (3, 1)


def test_event_times_ahead_of_the_clock_are_violations_and_close_no_window(project: Project) -> None:
    log = project.writer("w0-a")
    future = clock.now() + clock.DAY
    write(log, [HOURS[0], future, NULL_TIMESTAMP])
    project.recorder().flush()
    assert project.newest() == {"w0-a": HOURS[0]}
    counts = project.counts()
    assert {start: found.rows for start, found in counts.items()} == {HOURS[0]: 3}
    assert counts[HOURS[0]].violations == {"at": 1}
    rows = project.predictions().sort("prediction_id")
    assert rows["flags"].to_list() == [[], ["at"], []]
    assert rows["event_time"].max() < clock.to_datetime(future)


def test_refusals_are_counted_with_the_newest_rows(project: Project) -> None:
    log = project.writer("w0-a")
    write(log, HOURS[:2])
    log.append(clock.now(), 0, [column[:0] for column in columns_of(HOURS)], np.empty((0, 2)), refused={1: 3})
    project.recorder().flush()
    assert project.counts()[HOURS[1]].refused == {"wind": 3}


def test_a_release_without_a_reference_is_recorded_and_not_counted(project: Project) -> None:
    write(project.writer("w0-a"), HOURS)
    recorder = project.recorder()
    recorder._recording._reference_of = lambda _: None
    recorder.flush()
    assert len(project.predictions()) == 6
    assert project.counts() == {}


def test_a_feature_that_changes_its_type_gets_a_field_of_its_own(project: Project) -> None:
    write(project.writer("w0-a"), HOURS[:1])
    log = project.writer("w1-a")
    changed = (msgspec.structs.replace(FEATURES[0], type="integer"), *FEATURES[1:], Feature(name="new", type="boolean"))
    log.open(MODEL, 2, changed, CLASSES, "at")
    columns = [np.array([5]), *columns_of(HOURS[:1])[1:], np.array([True])]
    log.append(clock.now(), 1, columns, np.array([[0.5, 0.5]]))
    recorder = project.recorder()
    recorder._recording._reference_of = lambda _: None
    recorder.flush()
    first, second = project.predictions().sort("release")["features"].to_list()
    assert first["carrier"] in {"AA", "UA", "DL"}
    assert first["new"] is None
    assert (second["carrier"], second["carrier (int64)"], second["new"]) == (None, 5, True)


def test_a_regression_is_its_own_score(project: Project) -> None:
    log = project.writer("w0-a")
    log.open(MODEL, 1, FEATURES, (), "at")
    log.append(clock.now(), 2, columns_of(HOURS[:2]), np.array([[1.5], [2.5]]))
    recorder = project.recorder()
    recorder._recording._reference_of = lambda _: None
    recorder.flush()
    rows = project.predictions().sort("prediction")
    assert rows["prediction"].to_list() == rows["score"].to_list() == [1.5, 2.5]
    assert rows["confidence"].null_count() == 2


@pytest.mark.parametrize("appended", [False, True])
def test_a_batch_that_was_begun_is_finished_as_it_was_planned(project: Project, appended: bool) -> None:
    """As it is found after a kill between plan, append and count."""
    log = project.writer("w0-a")
    ids = write(log, HOURS) + write(log, HOURS, seed=1)
    (segment,) = reader.segments(project.layout.logs(MODEL))
    first = next(reader.read(segment.path))
    batches.plan(project.ledger, MODEL, Batch("w0-a", 1, 0, 0, first.end, 6))
    if appended:
        header = reader.header(segment.path)
        assert header is not None
        whole = frame(header, [first])
        PredictionTable(project.layout.predictions(MODEL)).append(
            rows_of(whole, times_of(whole), clock.HOUR), "w0-a", 1
        )
    project.recorder().flush()
    assert sorted(project.predictions()["prediction_id"]) == sorted(ids)
    assert sum(counts.rows for counts in project.counts().values()) == 12
    with project.ledger.reading() as connection:
        done = [(row.number, row.rows, row.done) for row in connection.execute(select(batches_table))]
    assert done == [(1, 6, 1), (2, 6, 1)]


def test_a_ledger_older_than_the_table_loses_no_row_in_silence(project: Project) -> None:
    """As after a backup was restored: the next batch has a number that the table has seen, and other rows."""
    log = project.writer("w0-a")
    write(log, HOURS)
    before = project.recorder()
    before.flush()
    before.close()
    with project.ledger.transaction() as connection:
        connection.execute(delete(batches_table))
    write(log, HOURS, seed=1)
    other = write(project.writer("w0-b"), HOURS, seed=2)
    recorder = project.recorder()
    recorder.flush()
    assert "holds batch 1 of w0-a, and the ledger knows none after 0" in recorder.faults["w0-a"]
    assert len(project.predictions()) == 12
    assert set(other) <= set(project.predictions()["prediction_id"])
    assert recorder.lag().bytes > 0
    (segment,) = [one for one in reader.segments(project.layout.logs(MODEL)) if one.source == "w0-a"]
    assert sum(record.rows for record in reader.read(segment.path)) == 12


def test_a_segment_that_vanished_before_it_was_recorded_is_a_fault_that_names_it(project: Project) -> None:
    write(project.writer("w0-a"), HOURS)
    batches.plan(project.ledger, MODEL, Batch("w0-a", 1, 5, 0, 99, 6))
    recorder = project.recorder()
    recorder.flush()
    assert "segment 5 of w0-a is gone" in recorder.faults["w0-a"]


def test_compaction_keeps_every_row(project: Project) -> None:
    log = project.writer("w0-a")
    ids = []
    recorder = project.recorder()
    for seed in range(6):
        ids += write(log, HOURS, seed)
        recorder.flush()
    table = PredictionTable(project.layout.predictions(MODEL))
    assert table.compact()
    assert len(pl.scan_delta(str(project.layout.predictions(MODEL))).collect()) == len(ids)
    ids += write(log, HOURS, 7)
    recorder.flush()
    assert sorted(project.predictions()["prediction_id"]) == sorted(ids)


def test_the_second_recorder_waits_until_the_lease_is_given_back_or_runs_out(project: Project) -> None:
    log = project.writer("w0-a")
    first, second = project.recorder(), project.recorder()
    write(log, HOURS)
    first.flush()
    write(log, HOURS)
    second.flush()
    assert len(project.predictions()) == 6
    first.close()
    second.flush()
    assert len(project.predictions()) == 12
    write(log, HOURS)
    project.recorder().flush()
    assert len(project.predictions()) == 12
    _let_leases_run_out(project)
    project.recorder().flush()
    assert len(project.predictions()) == 18


def test_a_recorder_whose_lease_ran_out_writes_nothing_that_its_successor_wrote(project: Project) -> None:
    """Both know the same batch to come; one is paused longer than its lease."""
    log = project.writer("w0-a")
    write(log, HOURS)
    paused = project.recorder(lease=clock.HOUR)
    paused.flush()
    ids = write(log, HOURS, 1)
    _let_leases_run_out(project)
    project.recorder().flush()
    write(log, HOURS, 2)
    paused.step(everything=True)
    rows = project.predictions()
    assert rows["prediction_id"].is_unique().all()
    assert set(ids) <= set(rows["prediction_id"])
    assert sum(counts.rows for counts in project.counts().values()) == len(rows)


def _let_leases_run_out(project: Project) -> None:
    with project.ledger.transaction() as connection:
        connection.execute(update(leases).values(until=0))


def test_rehearsals_are_not_recorded(project: Project) -> None:
    write(project.writer("rehearsal-w0-a"), HOURS)
    recorder = project.recorder()
    recorder.flush()
    assert recorder.lag().bytes == 0
    assert not project.layout.predictions(MODEL).exists()


def test_the_contract_decides_how_often(project: Project) -> None:
    log = project.writer("w0-a")
    often = msgspec.structs.replace(CONTRACT, recording=msgspec.structs.replace(CONTRACT.recording, commit_every=0))
    recorder = project.recorder(often)
    recorder.step()
    write(log, HOURS)
    assert recorder.step()
