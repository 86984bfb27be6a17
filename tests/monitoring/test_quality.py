"""Quality: labels find their predictions by either id, whenever they come, and a decline alarms."""

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from monitoring.world import DAY, GATE, MODEL, ROWS, changed, rows

from shipworthy import clock
from shipworthy.contract.records import Labels
from shipworthy.errors import WrongUse
from shipworthy.models.metrics import measure
from shipworthy.monitoring.labels import KnownLabels, open_source
from shipworthy.monitoring.performance import Promised, declines, promised
from shipworthy.monitoring.quality import measured
from shipworthy.monitoring.records import Alarm, Quality

START = 100


def qualities(world):
    """The newest quality of each day."""
    entries = reversed(world.ledger.entries("quality", MODEL))
    return {one.window // DAY: one for one in (entry.decode(Quality) for entry in entries)}


def auc(day, noise=0.0):
    _, answers, late = rows(day, noise=noise)
    return measure("auc", late, answers, (False, True))


def recorded(world, first, last, noise=0.0):
    world.days(first, last)
    world.predict(first, last, noise)


def test_labels_by_prediction_id_and_by_the_callers_own_give_the_metric_of_all_rows(world):
    recorded(world, START, START + 3)
    world.tell(START, START + 2)
    world.watch().step()
    found = qualities(world)
    assert {day: one.labelled for day, one in found.items()} == {START: ROWS, START + 1: ROWS}
    assert found[START].value == pytest.approx(auc(START))


def test_only_windows_with_new_labels_are_measured_again_and_labels_add_up(world):
    recorded(world, START, START + 3)
    watch = world.watch()
    world.tell(START, START + 1, slice(0, 100))
    watch.step()
    world.tell(START, START + 1, slice(100, None))
    world.tell(START + 1, START + 2)
    watch.step()
    written = [entry.decode(Quality) for entry in world.ledger.entries("quality", MODEL)]
    assert sorted((one.window // DAY - START, one.labelled) for one in written) == [(0, 100), (0, ROWS), (1, ROWS)]
    assert qualities(world)[START].value == pytest.approx(auc(START))


def test_labels_that_were_there_before_their_predictions_are_joined_when_those_are_recorded(world):
    watch = world.watch()
    recorded(world, START, START + 1)
    world.tell(START, START + 2)
    watch.step()
    recorded(world, START + 1, START + 2)
    watch.step()
    assert set(qualities(world)) == {START, START + 1}


def test_a_new_watch_and_compacted_tables_write_nothing_again(world):
    recorded(world, START, START + 3)
    world.tell(START, START + 3)
    world.watch().step()
    before = world.bodies("quality")
    world.watch().step()
    DeltaTable(str(world.layout.predictions(MODEL))).optimize.compact()
    DeltaTable(str(world.layout.project / "outcomes")).optimize.compact()
    world.watch().step()
    assert world.bodies("quality") == before


def test_of_two_labels_the_one_that_became_known_last_is_the_truth(world):
    labels = world.contract.labels
    write = lambda text, known: write_deltalake(  # noqa: E731
        str(world.layout.project / "outcomes"),
        pa.table({"id": ["a"], "late": [text], "known_at": pa.array([known], pa.timestamp("us", tz="UTC"))}),
        mode="append",
    )
    known = KnownLabels(open_source(labels, world.layout.project))
    for text, at in [("second", 2), ("first", 1)]:
        write(text, at)
        known.refresh()
    found, targets = known.of(pa.chunked_array([["a", "b"]]))
    assert found.tolist() == [True, False]
    assert targets.tolist() == ["second", None]


def test_labels_of_a_file_are_read_again_when_it_changed(tmp_path):
    labels = Labels(kind="file", location="truth.csv", key="id", target="late")
    known = KnownLabels(open_source(labels, tmp_path))
    assert len(known.refresh()) == 0
    (tmp_path / "truth.csv").write_text("id,late\na,1\nb,\n")
    assert known.refresh().to_pylist() == ["a"]
    assert len(known.refresh()) == 0
    (tmp_path / "truth.csv").write_text("id,late\na,0\nb,1\n")
    known.refresh()
    assert known.of(pa.chunked_array([["a", "b"]]))[1].tolist() == [0, 1]


def test_a_label_that_is_known_only_in_time_to_come_does_not_settle_what_is_still_to_come(tmp_path):
    labels = Labels(kind="file", location="truth.csv", key="id", target="late", time="known_at")
    known = KnownLabels(open_source(labels, tmp_path))
    (tmp_path / "truth.csv").write_text("id,late,known_at\na,1,2013-01-01T00:00:00Z\nb,0,2126-01-01T00:00:00Z\n")
    known.refresh()
    assert known.newest == clock.from_iso("2013-01-01T00:00:00Z")


def test_labels_from_elsewhere_are_refused_by_name(tmp_path):
    with pytest.raises(WrongUse, match="sql:outcomes: expected delta: or file:"):
        open_source(Labels(kind="sql", location="outcomes", key="id", target="late"), tmp_path)


def test_a_label_table_without_the_named_column_says_which(world):
    write_deltalake(str(world.layout.project / "outcomes"), pa.table({"id": ["a"], "known_at": ["2013-01-01"]}))
    with pytest.raises(WrongUse, match="there is no late among id, known_at"):
        KnownLabels(open_source(world.contract.labels, world.layout.project)).refresh()


def test_a_model_that_keeps_its_promise_raises_no_performance_alarm(world):
    recorded(world, START, START + 20)
    world.tell(START, START + 20)
    assert world.watch().step() == []


def test_a_model_that_became_worse_alarms_once_with_figures(world):
    recorded(world, START, START + 6)
    recorded(world, START + 6, START + 24, noise=1.5)
    world.tell(START, START + 6)
    world.tell(START + 6, START + 24, noise=1.5)
    watch = world.watch()
    found = [entry.decode(Alarm) for entry in watch.step()]
    assert [alarm.cause for alarm in found] == ["performance"]
    assert found[0].since // DAY >= START + 5
    assert f"held out {GATE}" in found[0].words
    assert watch.step() == []


def test_without_a_promise_on_performance_none_is_held(world):
    world.contract = changed(world.contract, performance=None)
    recorded(world, START, START + 20, noise=3)
    world.tell(START, START + 20, noise=3)
    assert world.watch().step() == []
    assert len(qualities(world)) == 20


def test_a_window_of_one_class_has_no_value_and_few_rows_have_no_error():
    answers = np.full((60, 2), 0.5)
    assert measured("auc", np.zeros(60, dtype=object), answers, (0, 1)) == (None, None)
    labels = np.array([0, 1] * 15, dtype=object)
    assert measured("auc", labels, answers[:30], (0, 1)) == (0.5, None)


def test_the_standard_error_is_about_that_of_the_metric_over_many_days():
    values = []
    errors = []
    for day in range(100):
        _, answers, late = rows(day)
        value, error = measured("auc", late.astype(object), answers, (False, True))
        values.append(value)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.25)


def decline(values, error=0.02, allowed=0.02):
    days = [
        Quality(1, 1, day * DAY, (day + 1) * DAY, "auc", float(value), 400, 400, "1.1", error)
        for day, value in enumerate(values)
    ]
    return declines("auc", days, Promised(0.8, 5_000), allowed)


def test_two_hundred_models_exactly_as_much_worse_as_is_allowed_raise_no_more_alarms_than_promised():
    """The windows of every second model have good and bad weeks of their own."""
    alarms = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        spread = 0.03 if seed % 2 else 0.0
        values = 0.78 + rng.normal(0, np.hypot(0.02, spread), 100)
        alarms += max(one.log_sum for one in decline(values)) >= np.log(365)
    assert alarms <= 200 * 100 / 365


def test_a_loss_of_twice_the_standard_error_beyond_is_found_within_weeks():
    values = 0.73 + np.random.default_rng(1).normal(0, 0.02, 30)
    assert decline(values)[-1].log_sum >= np.log(365)


def test_windows_are_held_against_the_mean_of_windows_not_against_rows_of_all_days_at_once():
    """Days differ: told apart from each other they make an AUC that no day of its own can reach."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(40), ROWS)
    score = 1 / (1 + np.exp(-(rng.normal(0, 2, 40)[day] + rng.normal(size=len(day)))))
    late = (rng.random(len(day)) < score).astype(object)
    answers = np.stack([1 - score, score], axis=1)
    days = [measured("auc", late[day == one], answers[day == one], (0, 1))[0] for one in range(40)]
    found = promised("auc", late, answers, (0, 1), day)
    assert found == Promised(pytest.approx(np.mean(days)), len(day), 40)
    assert measure("auc", late, answers, (0, 1)) > found.value + 0.05


def test_rows_without_times_are_one_window_and_windows_of_one_class_count_for_nothing():
    late = np.array([0, 1, 1, 1, 0, 0], dtype=object)
    answers = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5], [0.5, 0.5], [0.1, 0.9], [0.9, 0.1]])
    assert promised("auc", late, answers, (0, 1), None) == Promised(measure("auc", late, answers, (0, 1)), 6, 1)
    assert promised("auc", late, answers, (0, 1), np.array([7, 7, 3, 3, 5, 5])) == Promised(1.0, 2, 1)
    assert promised("auc", late[:0], answers[:0], (0, 1), None) is None


def test_the_newest_quality_survives_a_round_trip():
    one = Quality(1, 1, 0, DAY, "auc", None, 3, 9, "1.1", None)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Quality) == one
