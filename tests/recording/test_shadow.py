"""A release beside the live one: every row predicted again once, compared by window, and nothing held for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import numpy as np
import polars as pl
import pytest
from recording.logs import CLASSES, CONTRACT, FEATURES, MODEL, START, Project, answers_of, columns_of, write
from sqlalchemy import update

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.errors import DataViolation
from shipworthy.models.records import BundleDescription, Columns
from shipworthy.predictions import reader
from shipworthy.predictions.format import logged
from shipworthy.recording import held as holding
from shipworthy.recording import shadow as shadowing
from shipworthy.recording.comparison import Comparison, add, quantile
from shipworthy.recording.following import Follower, lag
from shipworthy.recording.held import Held, missed_rows
from shipworthy.recording.shadow import Beside, key, shadow_of
from shipworthy.recording.shadow_windows import comparisons
from shipworthy.recording.translation import missing, translated
from shipworthy.store.tables import leases

HOURS = [START + index * clock.HOUR for index in range(6)]
SHADOW = 2


def description(features: tuple[Feature, ...] = FEATURES) -> BundleDescription:
    return BundleDescription(1, MODEL, "classification", features, CLASSES, "late", "t", (), "python", "python")


def surer(columns: Columns) -> np.ndarray:
    """A model of its own: later by a tenth than that which answers."""
    late = np.minimum(1.0, answers_of(columns)[:, 1] + 0.1)
    return np.stack([1 - late, late], axis=1)


def shadow(project: Project, answer=surer, since: int = 0, features=FEATURES, **options) -> Follower:
    beside = Beside(SHADOW, since, description(features), 1e-5, answer)
    return shadow_of(project.layout, project.ledger, CONTRACT, beside, **options)


def said(project: Project) -> pl.DataFrame:
    return pl.read_delta(str(project.layout.shadow(MODEL, SHADOW)))


def total(project: Project) -> Comparison:
    found = Comparison()
    for counts in comparisons(project.ledger, MODEL, SHADOW).values():
        found = add(found, counts)
    return found


def held(project: Project, limit: int = 2**30, current: int | None = SHADOW) -> Held:
    return Held(project.ledger, MODEL, project.layout.logs(MODEL), limit, lambda: current)


@contextmanager
def everything_left_running(project: Project) -> Iterator[None]:
    """Leases of those that were killed run out."""
    yield
    with project.ledger.transaction() as connection:
        connection.execute(update(leases).values(until=0))


def test_every_row_is_predicted_once_by_both_and_compared_in_its_window(project: Project) -> None:
    logs = [project.writer("w0-a"), project.writer("w1-a")]
    ids = [id_ for hour in HOURS for turn in range(10) for log in logs for id_ in write(log, [hour] * 4, seed=turn)]
    shadow(project).flush()
    rows = said(project)
    assert sorted(rows["prediction_id"]) == sorted(ids)
    assert (rows["shadow_score"] - rows["score"]).to_numpy() == pytest.approx(0.1)
    assert rows.select("release", "shadow").unique().rows() == [(1, SHADOW)]
    found = comparisons(project.ledger, MODEL, SHADOW)
    assert {window: counts.answered for (window, _), counts in found.items()} == dict.fromkeys(HOURS, 80)
    differing = rows.filter(pl.col("prediction") != pl.col("shadow_prediction")).height
    assert 0 <= differing == total(project).differing < len(rows)
    assert quantile(total(project), 0.5) == pytest.approx(0.1, rel=0.3)
    assert total(project).ns > 0


def test_what_arrived_before_it_was_the_shadow_is_not_its_own(project: Project) -> None:
    log = project.writer("w0-a")
    write(log, HOURS, arrived=1_000)
    ids = write(log, HOURS, arrived=2_000)
    follower = shadow(project, since=2_000)
    follower.flush()
    assert sorted(said(project)["prediction_id"]) == sorted(ids)
    assert follower.lag().bytes == 0


def test_what_it_answered_itself_while_it_was_live_is_not_compared(project: Project) -> None:
    write(project.writer("w0-a", release=SHADOW), HOURS)
    shadow(project).flush()
    assert total(project) == Comparison()


def test_a_row_that_it_fails_on_costs_no_other_row_its_answer(project: Project) -> None:
    columns = columns_of(HOURS * 4, seed=3)
    bad = int(columns[2][5])

    def sour(asked: Columns) -> np.ndarray:
        if (asked[2] == bad).any():
            raise ZeroDivisionError("sour")
        return surer(asked)

    log = project.writer("w0-a")
    log.append(clock.now(), 24, columns, answers_of(columns))
    shadow(project, sour).flush()
    counts, failing = total(project), int((columns[2] == bad).sum())
    assert (counts.rows, counts.answered, counts.failed) == (24, 24 - failing, failing)
    assert counts.error == "ZeroDivisionError: sour"
    rows = said(project)
    assert rows.filter(pl.col("error").is_not_null())["shadow_score"].null_count() == failing
    assert rows["score"].null_count() == 0


@pytest.mark.parametrize("answer", [lambda _: np.full((1, 2), np.nan), lambda asked: np.zeros((len(asked[0]), 3))])
def test_what_is_no_answer_is_a_failure(project: Project, answer) -> None:
    write(project.writer("w0-a"), HOURS[:1])
    shadow(project, answer).flush()
    assert total(project).failed == 1


def test_rows_that_its_own_contract_refuses_are_counted_as_that(project: Project) -> None:
    narrow = (FEATURES[0], FEATURES[1], msgspec.structs.replace(FEATURES[2], max=100.0), FEATURES[3])
    write(project.writer("w0-a"), HOURS * 10)
    shadow(project, features=narrow).flush()
    rows, counts = said(project), total(project)
    assert 0 < counts.refused == rows["shadow_score"].null_count() < 60
    assert rows["error"].null_count() == 60
    assert counts.failed == 0


def test_features_are_found_by_name_and_made_up_where_the_contract_says_how(project: Project) -> None:
    gate = Feature(name="gate", type="category", on_violation="default", default="B")
    fuel = Feature(name="fuel", type="float", nullable=True)
    wanted = (gate, *reversed(FEATURES), fuel)
    columns = columns_of(HOURS, seed=4)
    asked = translated(logged(FEATURES), columns, wanted)
    assert asked.kept.all()
    assert list(asked.columns[0]) == ["B"] * 6
    assert np.isnan(asked.columns[5]).all()
    for mine, theirs in zip(asked.columns[1:5], reversed(columns), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    needed = Feature(name="pilot", type="category")
    assert missing(FEATURES, (*wanted, needed)) == ["pilot"]
    with pytest.raises(DataViolation, match="pilot"):
        translated(logged(FEATURES), columns, (needed,))


@pytest.mark.parametrize("step", ["append", "add_comparisons"])
def test_killed_at_any_step_the_next_one_does_all_of_it_once(project: Project, monkeypatch, step: str) -> None:
    """Between plan and append, and between append and count."""
    log = project.writer("w0-a")
    ids = [id_ for turn in range(6) for id_ in write(log, HOURS, turn)]

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with everything_left_running(project), monkeypatch.context() as patch:
        patch.setattr(shadowing.ShadowTable if step == "append" else shadowing, step, dies)
        with pytest.raises(KeyboardInterrupt):
            shadow(project).flush()
    shadow(project).flush()
    assert sorted(said(project)["prediction_id"]) == sorted(ids)
    assert total(project).answered == len(ids)


def test_what_is_recorded_stays_until_the_shadow_has_read_it(project: Project, monkeypatch) -> None:
    monkeypatch.setattr(holding, "LOOK", 0.0)
    log = project.writer("w0-a", segment_bytes=500)
    ids = [id_ for seed in range(10) for id_ in write(log, HOURS, seed)]
    log.close()
    recorder = project.recorder(held=held(project))
    recorder.flush()
    assert len(reader.segments(project.layout.logs(MODEL))) > 5
    assert recorder.lag().bytes == 0
    assert not recorder.step(), "what is held keeps nobody busy"
    assert lag(project.layout.logs(MODEL), project.ledger, MODEL, key(SHADOW)).rows == len(ids)
    shadow(project).flush()
    recorder.flush()
    assert reader.segments(project.layout.logs(MODEL)) == []
    assert sorted(said(project)["prediction_id"]) == sorted(ids)


def test_a_shadow_that_nobody_runs_does_not_fill_the_disk_and_what_it_missed_is_said(project: Project) -> None:
    log = project.writer("w0-a", segment_bytes=500)
    ids = [id_ for seed in range(10) for id_ in write(log, HOURS, seed)]
    log.close()
    project.recorder(held=held(project, limit=1_500)).flush()
    assert 0 < lag(project.layout.logs(MODEL), project.ledger, MODEL, key(SHADOW)).bytes <= 1_500
    missed = missed_rows(project.ledger, MODEL, SHADOW)
    assert missed > 0
    shadow(project).flush()
    assert total(project).rows == len(ids) - missed
    assert len(project.predictions()) == len(ids), "the recorder has all of them"


def test_nothing_is_held_without_a_shadow(project: Project) -> None:
    log = project.writer("w0-a", segment_bytes=500)
    write(log, HOURS)
    log.close()
    project.recorder(held=held(project, current=None)).flush()
    assert reader.segments(project.layout.logs(MODEL)) == []
