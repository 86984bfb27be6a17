"""How far recording is behind, when somebody is told, and when they are told that it has caught up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording.logs import MODEL, START, Project, write

from shipworthy import clock
from shipworthy.contract.records import Recording
from shipworthy.predictions import reader
from shipworthy.recording import following
from shipworthy.recording.following import Lag, lag
from shipworthy.recording.lagging import KIND, SHADOW, Noted, decide, note, note_shadow
from shipworthy.recording.recorder import key
from shipworthy.store.layout import Layout

RULES = Recording(commit_every=60 * clock.SECOND, alert_after=600 * clock.SECOND)


@given(st.lists(st.floats(0, 2_000), max_size=30))
def test_one_is_told_once_that_it_is_behind_and_once_that_it_has_caught_up(seconds):
    states = ["caught up"]
    for behind in seconds:
        states.append(decide(states[-1], Lag(1, behind, 1), RULES))
    for before, after, behind in zip(states, states[1:], seconds, strict=False):
        assert after == ("behind" if behind > 600 else "caught up" if behind <= 60 else before)


def test_changes_are_noted_and_nothing_else(project: Project) -> None:
    for seconds in (5.0, 601.0, 700.0, 100.0, 59.0, 0.0, 900.0):
        note(project.ledger, MODEL, Lag(10, seconds, 1, 3), RULES)
    noted = [entry.decode(Noted) for entry in reversed(project.ledger.entries(KIND, MODEL))]
    assert [(one.state, one.seconds) for one in noted] == [("behind", 601.0), ("caught up", 59.0), ("behind", 900.0)]
    assert noted[0] == Noted(1, "behind", 601.0, 3, 10, 600.0)


def test_what_is_noted_of_a_shadow_is_not_of_the_recorder(project: Project) -> None:
    note_shadow(project.ledger, MODEL, Lag(10, 601.0, 1, 3), RULES)
    assert note(project.ledger, MODEL, Lag(0, 0.0, 0), RULES) is None
    assert [entry.decode(Noted).state for entry in project.ledger.entries(SHADOW, MODEL)] == ["behind"]
    assert project.ledger.entries(KIND, MODEL) == []


def test_rows_bytes_and_seconds_are_those_that_are_not_recorded(project: Project) -> None:
    log = project.writer("w0-a", segment_bytes=600)
    recorder = project.recorder()
    recorder.step()
    for size in (1, 200, 70_000, 3):
        write(log, [START] * size, arrived=clock.now() - clock.HOUR)
    behind = recorder.lag()
    assert behind.rows == 70_204
    assert behind.sources == 1
    assert behind.seconds == pytest.approx(3_600, abs=300)
    recorder.flush()
    assert lag(project.layout.logs(MODEL), project.ledger, MODEL, key) == Lag(0, 0.0, 0, 0)


def test_many_rows_are_counted_in_proportion(project: Project, monkeypatch) -> None:
    monkeypatch.setattr(following, "SKIMMED", 1_000)
    log = project.writer("w0-a", segment_bytes=10**6)
    for _ in range(200):
        write(log, [START] * 5)
    assert project.recorder().lag().rows == pytest.approx(1_000, rel=0.05)


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 5, 127, 128, 255, 256, 70_000]), min_size=1, max_size=6), torn=st.booleans()
)
def test_skimming_counts_what_reading_reads(tmp_path_factory, sizes, torn) -> None:
    project = Project(Layout(tmp_path_factory.mktemp("skim")), None, None)  # type: ignore[arg-type]
    log = project.writer("w0-a", segment_bytes=10**9)
    for size in sizes:
        write(log, [START] * size)
    log.close()
    path = project.layout.logs(MODEL) / "w0-a" / "00000000.log"
    if torn:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 1)
    records = list(reader.read(path))
    start = records[0].end if records else 0
    for begin, expected in ((0, records), (start, records[1:])):
        found = reader.skim(path, begin)
        assert found.rows == sum(record.rows for record in expected)
        assert found.bytes == (expected[-1].end - expected[0].start if expected else 0)
