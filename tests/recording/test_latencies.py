"""Latencies: what workers counted stands in the windows, once, whoever counts it and however often."""

from __future__ import annotations

import pytest
from recording.logs import MODEL, START, write
from sqlalchemy import select

from shipworthy import clock
from shipworthy.counts.windows import decode
from shipworthy.recording.latencies import SOURCE, Latencies
from shipworthy.serving.latencies import answered
from shipworthy.serving.metrics import Metrics
from shipworthy.store.tables import window_counts


def latencies(project, folder, seconds=0.01):
    return Latencies(
        project.ledger,
        MODEL,
        lambda _: project.reference,
        lambda: answered(folder, MODEL, seconds),
        seconds=lambda: 0.0,
    )


def worker(folder, name="w0", release=1, model=MODEL):
    found = Metrics(folder, name, model, ("wind",), release)
    found.begin()
    return found


def counted(project, release=1):
    """Window -> (requests, slow)."""
    query = select(window_counts).where(window_counts.c.source == SOURCE, window_counts.c.release == release)
    with project.ledger.reading() as connection:
        rows = connection.execute(query).all()
    return {row.window: (decode(row.counts).requests, decode(row.counts).slow) for row in rows}


@pytest.fixture
def begun(project):
    """Rows have been recorded, so that it is known what time it is for the model."""
    log = project.writer("w0-1")
    write(log, [START])
    recorder = project.recorder()
    recorder.flush()
    recorder.close()
    return log


def test_what_workers_of_all_names_counted_stands_in_the_newest_window_once(project, begun, tmp_path):
    one, other = worker(tmp_path), worker(tmp_path, "w1")
    one.observe("shipworthy_request_seconds", 0.002, 90)
    other.observe("shipworthy_request_seconds", 0.02, 10)
    counting = latencies(project, tmp_path)
    assert counting.step()
    assert not counting.step(now=True)
    assert not latencies(project, tmp_path).step(), "another process knows what this one has counted"
    assert counted(project) == {START: (100, 10)}


def test_what_comes_later_is_added_to_the_window_of_its_time_by_whoever_counts(project, begun, tmp_path):
    figures = worker(tmp_path)
    figures.observe("shipworthy_request_seconds", 0.02, 5)
    first, second = latencies(project, tmp_path), latencies(project, tmp_path)
    assert first.step()
    figures.observe("shipworthy_request_seconds", 0.002, 5)
    assert second.step()
    figures.observe("shipworthy_request_seconds", 0.02, 1)
    write(begun, [START + 3 * clock.HOUR])
    recorder = project.recorder()
    recorder.flush()
    recorder.close()
    assert first.step(now=True)
    assert counted(project) == {START: (10, 5), START + 3 * clock.HOUR: (1, 1)}


def test_figures_that_were_removed_are_counted_from_nothing_and_nothing_twice(project, begun, tmp_path):
    worker(tmp_path / "a").observe("shipworthy_request_seconds", 0.002, 50)
    assert latencies(project, tmp_path / "a").step()
    counting = latencies(project, tmp_path / "b")
    figures = worker(tmp_path / "b")
    figures.observe("shipworthy_request_seconds", 0.002, 3)
    assert not counting.step()
    figures.observe("shipworthy_request_seconds", 0.02, 4)
    assert counting.step(now=True)
    assert counted(project) == {START: (54, 4)}


def test_other_models_and_releases_are_told_apart(project, begun, tmp_path):
    worker(tmp_path).observe("shipworthy_request_seconds", 0.002, 1)
    worker(tmp_path, release=2).observe("shipworthy_request_seconds", 0.02, 2)
    worker(tmp_path, model="another").observe("shipworthy_request_seconds", 0.02, 4)
    assert latencies(project, tmp_path).step()
    assert (counted(project), counted(project, 2)) == ({START: (1, 0)}, {START: (2, 2)})


def test_before_any_row_was_recorded_nothing_is_counted_and_nothing_lost(project, tmp_path):
    worker(tmp_path).observe("shipworthy_request_seconds", 0.02, 2)
    counting = latencies(project, tmp_path)
    assert not counting.step()
    log = project.writer("w0-1")
    write(log, [START])
    recorder = project.recorder()
    recorder.flush()
    recorder.close()
    assert counting.step(now=True)
    assert counted(project) == {START: (2, 2)}


@pytest.mark.parametrize(("seconds", "slow"), [(0.01, 3), (0.012, 1), (7.0, 0)])
def test_a_promise_between_two_bounds_counts_none_as_slow_that_was_not(tmp_path, seconds, slow):
    figures = worker(tmp_path)
    for taken in (0.005, 0.011, 0.02, 0.03):
        figures.observe("shipworthy_request_seconds", taken)
    assert answered(tmp_path, MODEL, seconds) == {1: (4, slow)}
