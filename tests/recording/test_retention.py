"""What the contract does not keep any longer goes, nothing that is still needed does, and what went is known."""

from __future__ import annotations

import msgspec
import polars as pl
import pytest
from recording.logs import CONTRACT, MODEL, START, Project, write

from shipworthy import clock
from shipworthy.monitoring.records import WindowEvidence
from shipworthy.predictions.ids import parse
from shipworthy.predictions.label_files import LabelReader
from shipworthy.predictions.label_log import Label, LabelLog, folder_of
from shipworthy.recording import recorder as recording
from shipworthy.recording.label_keeping import keep_labels
from shipworthy.recording.retention import KIND, Removal, first_kept, removed, retain
from shipworthy.recording.table import PredictionTable

HOURS = [START + index * clock.HOUR for index in range(8)]
NOW = clock.from_iso("2026-01-01T00:00:00Z")


def kept(keep: int | None = None, max_size: int | None = None):
    rules = msgspec.structs.replace(CONTRACT.recording, keep=keep, max_size=max_size)
    return msgspec.structs.replace(CONTRACT, recording=rules)


def table(project: Project) -> PredictionTable:
    return PredictionTable(project.layout.predictions(MODEL))


def recorded(project: Project, ages: list[int]) -> list[str]:
    """A window an hour, recorded in a commit of its own, that arrived so many days before NOW; their first ids."""
    log, recorder = project.writer("w0-a", segment_bytes=10**6), project.recorder()
    ids = []
    for hour, age in zip(HOURS, ages, strict=False):
        ids.append(write(log, [hour] * 20, seed=age, arrived=NOW - age * clock.DAY)[0])
        recorder.flush()
    log.close()
    recorder.close()
    return ids


def weigh(project: Project, window: int, release: int = 1) -> None:
    """The watch has looked at a window, and at all before it."""
    evidence = WindowEvidence(1, release, window, window + clock.HOUR, 1, 0, "", (), 1.0, 0.0, (), (), {}, {})
    key = f"{release}:{window}"
    project.ledger.append("evidence", MODEL, evidence, subject=str(release), key=key)


def windows(project: Project) -> set[int]:
    return {clock.from_datetime(value) for value in project.predictions()["window"].unique()}


def test_what_is_older_than_the_contract_keeps_goes_and_no_younger_row(project: Project) -> None:
    recorded(project, [40, 30, 20, 10, 9, 8, 7, 6])
    weigh(project, HOURS[6])
    (went,) = retain(table(project), "predictions", project.ledger, kept(keep=15 * clock.DAY), now=NOW)
    assert (went.rows, went.because, went.rule) == (60, "age", "keep = 15d")
    assert windows(project) == set(HOURS[3:])
    assert retain(table(project), "predictions", project.ledger, kept(keep=15 * clock.DAY), now=NOW) == []


def test_windows_that_are_open_or_not_weighed_yet_stay_however_old(project: Project) -> None:
    recorded(project, [40] * 8)
    assert first_kept(project.ledger, CONTRACT) == HOURS[0], "nothing has been weighed"
    assert retain(table(project), "predictions", project.ledger, kept(keep=clock.DAY), now=NOW) == []
    weigh(project, HOURS[2])
    assert first_kept(project.ledger, CONTRACT) == HOURS[3]
    retain(table(project), "predictions", project.ledger, kept(keep=clock.DAY), now=NOW)
    assert windows(project) == set(HOURS[3:])
    weigh(project, HOURS[7])
    retain(table(project), "predictions", project.ledger, kept(keep=2 * clock.DAY), now=NOW)
    assert windows(project) == {HOURS[6], HOURS[7]}, "open: lateness is an hour"


def test_beyond_its_size_the_oldest_rows_go(project: Project) -> None:
    recorded(project, [40, 30, 20, 10, 9, 8, 7, 6])
    weigh(project, HOURS[7])
    files = sorted(table(project)._current(), key=lambda file: file[1])
    limit = sum(size for size, _ in files[3:]) + 10
    (went,) = retain(table(project), "predictions", project.ledger, kept(max_size=limit), now=NOW)
    assert (went.rows, went.because) == (60, "size")
    assert windows(project) == set(HOURS[3:])
    assert sum(size for size, _ in table(project)._current()) <= limit
    assert retain(table(project), "predictions", project.ledger, kept(max_size=limit), now=NOW) == []


def test_a_prediction_that_was_removed_is_told_from_one_that_was_never_made(project: Project) -> None:
    old, *_, new = recorded(project, [40, 30, 20, 10, 9, 8, 7, 6])
    weigh(project, HOURS[6])
    retain(table(project), "predictions", project.ledger, kept(keep=15 * clock.DAY), now=NOW)
    assert "[recording] keep = 15d" in str(removed(project.ledger, MODEL, parse(old)))
    for never in (new.replace("w0-a", "w9-a"), new.replace("w0-a-0", "w0-a-7")):
        assert removed(project.ledger, MODEL, parse(never)) is None


def test_a_batch_of_a_source_is_not_recorded_again_because_its_rows_went(project: Project) -> None:
    log = project.writer("w0-a", segment_bytes=10**6)
    for hour in HOURS:
        write(log, [hour] * 5, arrived=NOW - 40 * clock.DAY)
    recorder = project.recorder()
    recorder.flush()
    weigh(project, HOURS[6])
    retain(table(project), "predictions", project.ledger, kept(keep=clock.DAY), now=NOW)
    assert table(project).compact()
    ids = write(log, HOURS[:1])
    recorder.flush()
    assert set(ids) <= set(project.predictions()["prediction_id"])
    assert windows(project) == {HOURS[0], HOURS[6], HOURS[7]}
    assert len(project.predictions()) == 11


@pytest.mark.parametrize("step", ["count_before", "remove_before", "compact"])
def test_a_recorder_that_is_killed_while_it_tidies_up_loses_and_repeats_nothing(
    project: Project, monkeypatch, step: str
) -> None:
    """Before it wrote down what goes, before that went, and before files were joined."""
    recorded(project, [40] * 8)
    weigh(project, HOURS[6])
    monkeypatch.setattr(recording, "SMALL_FILES", 2)

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PredictionTable, step, dies)
        with pytest.raises(KeyboardInterrupt):
            project.recorder(kept(keep=clock.DAY), lease=1).step()
    project.recorder(kept(keep=clock.DAY)).step()
    assert windows(project) == {HOURS[6], HOURS[7]}
    assert len(project.predictions()) == 40
    removals = [entry.decode(Removal) for entry in project.ledger.entries(KIND, MODEL)]
    assert sum(removal.rows for removal in removals) >= 120
    assert len(table(project)._current()) == 1


def test_the_recorder_joins_files_when_there_are_many(project: Project, monkeypatch) -> None:
    """Whoever records: one that ends after each round joins them, too."""
    monkeypatch.setattr(recording, "SMALL_FILES", 4)
    log = project.writer("w0-a", segment_bytes=10**6)
    ids, most = [], 0
    for turn, hour in enumerate(HOURS):
        ids += write(log, [hour] * 3, seed=turn)
        recorder = project.recorder()
        recorder.flush()
        recorder.close()
        most = max(most, len(table(project)._current()))
    assert most < 5
    assert sorted(project.predictions()["prediction_id"]) == sorted(ids)
    assert pl.scan_delta(str(project.layout.predictions(MODEL))).collect().height == len(ids)


def test_labels_by_http_stay_as_long_as_their_predictions_and_what_goes_is_written_down(project: Project) -> None:
    ids = recorded(project, [40, 30, 20, 10, 9, 8, 7, 6])
    old, young = NOW - 39 * clock.DAY, NOW - clock.DAY
    logs = project.layout.logs(MODEL)
    log = LabelLog(logs, "w0-a", disk=False)
    log.append([Label(ids[0], 1.0, old, old), Label(ids[5], 1.0, old, old)])
    log.append([Label("nobody", 1.0, old, old), Label("not yet", 1.0, old, young)])
    log.close()
    assert keep_labels(logs, table(project), project.ledger, MODEL, now=NOW) == 0, "no prediction has gone"
    weigh(project, HOURS[6])
    retain(table(project), "predictions", project.ledger, kept(keep=15 * clock.DAY), now=NOW)
    assert keep_labels(logs, table(project), project.ledger, MODEL, now=NOW) == 1
    assert {one.key for one in LabelReader(folder_of(logs)).fresh().labels} == {ids[5], "not yet"}
    went = project.ledger.entries(KIND, MODEL)[0].decode(Removal)
    assert (went.table, went.rows, went.rule) == ("labels", 2, "keep = 15d")
    assert keep_labels(logs, table(project), project.ledger, MODEL, now=NOW) == 0, "looked up once a day at most"
