"""The watch tells of quality with few labels or none, by slice, and what a drift did to it."""

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from monitoring.world import BASIS, DAY, FEATURES, MODEL, ROWS, changed, held_out, keys_of, rows

from shipworthy.models.metrics import measure
from shipworthy.monitoring.basis import based
from shipworthy.monitoring.effect import effect
from shipworthy.monitoring.label_standing import LabelStanding
from shipworthy.monitoring.records import Alarm, Estimate, Quality, SliceQuality
from shipworthy.monitoring.summing import cannot_judge, loss_since, slices_of
from shipworthy.predictions.label_log import Label, LabelLog

START = 100


@pytest.fixture(scope="module")
def founded():
    """What a release's held out rows say, for each carrier too."""
    return based("auc", (False, True), FEATURES, held_out(), ("carrier",))


@pytest.fixture
def estimating(world, founded):
    """A world whose release keeps its rows held out, and whose labels come from nowhere."""
    world.basis = founded
    world.contract = msgspec.structs.replace(changed(world.contract, performance=None), labels=None)
    return world


@pytest.fixture
def labelled(world, founded):
    """The same with labels."""
    world.basis = founded
    return world


def qualities(world):
    entries = reversed(world.ledger.entries("quality", MODEL))
    return {one.window // DAY: one for one in (entry.decode(Quality) for entry in entries)}


def alarms(entries):
    return [entry.decode(Alarm) for entry in entries]


def recorded(world, first, last, **how):
    world.days(first, last, shift=how.get("shift", 0.0))
    world.predict(first, last, **how)


def test_closed_windows_are_estimated_without_any_label_and_open_ones_are_not(estimating):
    recorded(estimating, START, START + 4)
    estimating.watch().step()
    found = qualities(estimating)
    assert set(found) == {START, START + 1, START + 2}
    for day, one in found.items():
        _, answers, late = rows(day)
        assert (one.labelled, one.value, one.rows) == (0, None, ROWS)
        assert abs(one.estimated.value - measure("auc", late, answers, (False, True))) < 3 * one.estimated.error


def test_a_new_watch_and_a_compacted_table_estimate_nothing_again_and_late_rows_do(estimating):
    recorded(estimating, START, START + 3)
    estimating.watch().step()
    before = estimating.bodies("quality")
    watch = estimating.watch()
    watch.step()
    DeltaTable(str(estimating.layout.predictions(MODEL))).optimize.compact()
    watch.step()
    assert estimating.bodies("quality") == before
    estimating.predict(START, START + 1)
    watch.step()
    assert qualities(estimating)[START].rows == 2 * ROWS


def test_what_was_said_of_all_rows_stands_when_retention_takes_some(labelled):
    recorded(labelled, START, START + 2)
    labelled.tell(START, START + 1)
    labelled.watch().step()
    before = qualities(labelled)[START]
    DeltaTable(str(labelled.layout.predictions(MODEL))).delete("prediction_id like '%-7%'")
    labelled.watch().step()
    assert qualities(labelled)[START] == before


def test_labels_and_estimates_stand_side_by_side_with_the_loss_so_far(labelled, founded):
    recorded(labelled, START, START + 6)
    labelled.tell(START, START + 3, slice(0, 200))
    labelled.watch().step()
    found = qualities(labelled)
    assert [found[START + day].labelled for day in range(5)] == [200, 200, 200, 0, 0]
    assert all(one.estimated is not None for one in found.values())
    loss = loss_since(list(found.values()))
    assert (loss.kind, loss.rows) == ("brier", 600)
    assert loss.low < founded.loss.held_out < loss.high
    assert loss.high - loss.low < found[START].loss.high - found[START].loss.low


def test_slices_are_told_apart_and_small_ones_say_that_they_cannot_be_judged(labelled, founded):
    recorded(labelled, START, START + 2)
    labelled.tell(START, START + 1, slice(0, 120))
    labelled.watch().step()
    slices = qualities(labelled)[START].slices
    assert {one.value for one in slices} == {"AA", "UA", "WN"}
    (_, carrier), answers, late = rows(START)
    for one in slices:
        its = carrier == one.value
        assert (one.rows, one.labelled) == (its.sum(), its[:120].sum())
        wanted = measure("auc", late[:120][its[:120]], answers[:120][its[:120]], (False, True))
        assert one.quality == pytest.approx(wanted)
        assert one.held_out == pytest.approx(founded.promised.value, abs=0.02)
        assert one.estimated is not None
    assert any(cannot_judge(one).startswith("too few labels to judge by: ") for one in slices)


def test_slices_of_several_windows_are_their_means_by_rows():
    def of(window, count, value, error):
        one = SliceQuality("carrier", "AA", count, count, value, error, Estimate(value, error, 0.0), 0.8)
        return Quality(1, 1, window, window + 1, "auc", value, count, count, "1.1", error, slices=(one,))

    [found] = slices_of([of(0, 100, 0.7, 0.03), of(1, 300, 0.8, 0.01), of(2, 10, 0.1, None)])
    assert (found.rows, found.quality) == (410, pytest.approx((0.7 * 100 + 0.8 * 300) / 400))
    assert found.error == pytest.approx(np.hypot(3, 3) / 400)


def test_a_drift_says_what_it_is_estimated_to_do_to_quality(estimating):
    estimating.basis = based("accuracy", (False, True), FEATURES, held_out())
    recorded(estimating, START, START + 6)
    recorded(estimating, START + 6, START + 26, shift=1.5)
    [alarm] = alarms(estimating.watch().step())
    _, answers, late = rows(START + 6, 1.5, 10 * ROWS)
    assert alarm.quality.estimated_before == pytest.approx(estimating.basis.promised.value, abs=0.02)
    assert alarm.quality.estimated_since == pytest.approx(measure("accuracy", late, answers, (False, True)), abs=0.02)
    assert alarm.quality.estimated_since > alarm.quality.estimated_before + 0.05
    assert alarm.quality.labelled_since is None
    assert alarm.words.endswith(f"; {alarm.quality.words}")
    assert "since then accuracy estimated 0.7" in alarm.words
    assert "(no labels yet)" in alarm.words


def test_the_labels_that_are_known_are_told_beside_the_estimate(labelled):
    labelled.contract = changed(labelled.contract, performance=None)
    recorded(labelled, START, START + 6)
    recorded(labelled, START + 6, START + 26, shift=1.5)
    labelled.tell(START, START + 26, slice(0, 48), shift=1.5)
    [alarm] = alarms(labelled.watch().step())
    assert alarm.quality.labelled_share == pytest.approx(0.12)
    assert f"labels known for 12% of rows: {alarm.quality.labelled_since:.3g}" in alarm.words


def test_without_labels_and_estimates_an_alarm_says_nothing_of_quality(world):
    world.days(START, START + 20, shift=1.5)
    [alarm] = alarms(world.watch().step())
    assert alarm.quality is None
    assert "since then" not in alarm.words


def test_a_decline_that_the_estimate_cannot_see_is_told_with_both_figures(labelled, founded):
    recorded(labelled, START, START + 6)
    labelled.tell(START, START + 6)
    labelled.days(START + 6, START + 24)
    labelled.predict(START + 6, START + 24)
    for day in range(START + 6, START + 24):
        labelled.tell_of(day, lambda late: np.random.default_rng(0).permutation(late))
    [alarm] = alarms(labelled.watch().step())
    assert alarm.cause == "performance"
    assert alarm.quality.labelled_since < 0.6
    assert alarm.quality.estimated_since == pytest.approx(founded.promised.value, abs=0.02)


def test_the_slice_that_lost_most_is_named(labelled):
    labelled.contract = changed(labelled.contract, performance=0.01)
    recorded(labelled, START, START + 24)
    for day in range(START, START + 24):
        (_, carrier), _, _ = rows(day)
        wrong = (carrier == "WN") & (day >= START + 8)
        labelled.tell_of(day, lambda late, wrong=wrong: np.where(wrong, ~late, late))
    [alarm] = alarms(labelled.watch().step())
    assert (alarm.quality.slice.feature, alarm.quality.slice.value) == ("carrier", "WN")
    assert alarm.quality.slice.since < 0.5
    assert "most where carrier is WN" in alarm.words


def test_windows_after_the_alarm_say_nothing_of_it():
    def of(window, value):
        return Quality(1, 1, window, window + 1, "auc", value, 100, 100, "1.1", 0.01, Estimate(value, 0.01, 0.0))

    found = effect([of(0, 0.8), of(1, 0.7), of(2, 0.2)], 1, 2, BASIS.promised)
    assert (found.labelled_before, found.labelled_since) == (0.8, 0.7)
    assert effect([of(0, 0.8)], 1, 2, BASIS.promised) is None


def test_a_watch_that_was_killed_between_quality_and_its_alarm_raises_it_when_it_is_back(labelled, monkeypatch):
    recorded(labelled, START, START + 6)
    labelled.tell(START, START + 6)
    labelled.days(START + 6, START + 24)
    labelled.predict(START + 6, START + 24, noise=1.5)
    labelled.tell(START + 6, START + 24, noise=1.5)
    watch = labelled.watch()
    watch._step_quality()  # and no further
    assert not labelled.bodies("alarm")
    assert [alarm.cause for alarm in alarms(labelled.watch().step())] == ["performance"]


def test_an_alarm_of_drift_does_not_wait_for_a_table_that_cannot_be_read(estimating):
    recorded(estimating, START, START + 20, shift=1.5)
    for file in estimating.layout.predictions(MODEL).glob("*.parquet"):
        file.write_bytes(b"not a table")
    with pytest.raises(pa.ArrowInvalid):
        estimating.watch().step()
    assert len(estimating.bodies("alarm")) == 1


def test_labels_that_were_sent_to_the_server_are_joined_corrected_and_counted_where_they_name_nothing(estimating):
    recorded(estimating, START, START + 2)
    log = LabelLog(estimating.layout.logs(MODEL), "w0-1", disk=False)
    _, answers, late = rows(START)
    keys = keys_of(START)
    watch = estimating.watch()
    log.append([Label(key, bool(not truth), 1) for key, truth in zip(keys, late, strict=True)])
    watch.step()
    log.append([Label(key, bool(truth), 2) for key, truth in zip(keys, late, strict=True)])
    log.append([Label(keys[0], bool(not late[0]), 1), Label("nobody", True, 1)])  # late, and of nothing
    watch.step()
    assert qualities(estimating)[START].value == pytest.approx(measure("auc", late, answers, (False, True)))
    assert watch.labels == LabelStanding(ROWS + 1, 1, ("nobody",), 2)
    assert "1 of them (0%) name no prediction that is recorded, e.g. nobody" in watch.labels.words


def test_a_decline_raises_the_alarm_where_labels_come_by_http_alone(labelled):
    labelled.contract = msgspec.structs.replace(labelled.contract, labels=None)
    recorded(labelled, START, START + 6)
    labelled.post(START, START + 6)
    watch = labelled.watch()
    assert alarms(watch.step()) == []
    labelled.days(START + 6, START + 24)
    labelled.predict(START + 6, START + 24, noise=1.5)
    labelled.post(START + 6, START + 24, noise=1.5)
    [alarm] = alarms(watch.step())
    assert alarm.cause == "performance"
    assert alarm.since >= (START + 5) * DAY
    assert alarm.quality.labelled_since < alarm.quality.labelled_before - 0.03
    assert all(one.loss.low <= one.loss.mean <= one.loss.high for one in qualities(labelled).values() if one.labelled)
    assert alarms(labelled.watch().step()) == []
