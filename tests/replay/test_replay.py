"""`watch --log`: a year of predictions gives the alarms that a watch would have raised, wherever they were made."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from replay.logs import log

from shipworthy import clock
from shipworthy.errors import ShipworthyError
from shipworthy.replay.roles import Asked

LABELLED = Asked(label="churned")
MOVED = clock.from_iso("2021-03-12")  # day 70 of the log


def said(replay):
    """What does not depend on where the log lies, nor on the place of a row in it."""
    replace = msgspec.structs.replace
    alarms = tuple(replace(told, alarm=replace(told.alarm, examples=())) for told in replay.alarms)
    return replace(replay, log="", identity="", quality=(), notes=(), alarms=alarms)


def test_a_shift_is_alarmed_once_with_its_day_its_payoff_and_what_quality_did(table, replayed):
    found = replayed(table, asked=LABELLED, compare=("all",))
    [told] = found.alarms
    assert MOVED < told.alarm.event_time <= MOVED + 25 * clock.DAY
    assert "age" in [one.payoff for one in told.alarm.moved]
    assert told.quality_since < told.quality_before - 0.2
    [fall] = found.falls
    assert MOVED < fall.known <= MOVED + 10 * clock.DAY
    assert fall.ended is None
    assert told.relation in ("before", "after")
    assert {one.rule for one in found.compared} >= {"psi", "ks", "wasserstein"}


def test_nothing_that_did_not_move_is_alarmed(replayed):
    found = replayed(log(moves=10_000), asked=LABELLED)
    assert (found.alarms, found.falls) == ((), ())


def test_neither_the_order_of_rows_nor_the_files_they_lie_in_matter(table, replayed, tmp_path):
    one = replayed(table, asked=LABELLED)
    mixed = table.take(np.random.default_rng(0).permutation(table.num_rows))
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(3):
        pq.write_table(mixed.slice(number * 2_500, 2_500), folder / f"{number}.parquet")
    assert said(replayed(str(folder), asked=LABELLED)) == said(one)


def test_a_delta_table_says_what_its_parquet_says(table, replayed, tmp_path):
    write_deltalake(str(tmp_path / "delta"), table.slice(0, 4_000))
    write_deltalake(str(tmp_path / "delta"), table.slice(4_000), mode="append")
    found = replayed(f"delta:{tmp_path / 'delta'}")
    assert said(found) == said(replayed(table))
    with pytest.raises(ShipworthyError, match=r"2021-03"):
        replayed(f"delta:{tmp_path / 'delta'}@0", reference="2021-04-01..2021-04-20")


def test_a_table_that_shipworthy_recorded_is_understood_as_it_is(table, replayed):
    rows = table.num_rows
    inputs = pa.StructArray.from_arrays(
        [table["age"].combine_chunks(), table["plan"].combine_chunks()], names=["age", "plan"]
    )
    score = table["score"].to_numpy()
    recorded = pa.table(
        {
            "prediction_id": pa.array([f"p-{row}" for row in range(rows)]),
            "release": pa.array(np.ones(rows, dtype=np.int32)),
            "arrived": table["at"],
            "event_time": table["at"],
            "features": inputs,
            "values": pa.array(list(np.stack([1 - score, score], axis=1))),
            "score": score,
            "flags": pa.array([[]] * rows, pa.list_(pa.string())),
        }
    )
    found, plain = replayed(recorded), replayed(table.drop(["churned"]))
    assert found.columns.features == ("age", "plan")
    assert said(found).alarms == said(plain).alarms
    assert all(one.prediction.startswith("p-") for told in found.alarms for one in told.alarm.examples)


def test_a_feature_that_is_called_as_a_column_of_the_record_is_told_from_it(table, replayed, tmp_path):
    (tmp_path / "shipworthy.toml").write_text('[features]\nage = { type = "float" }\nscore = { type = "float" }\n')
    ages = table["age"].combine_chunks()
    inputs = pa.StructArray.from_arrays([ages, ages], names=["age", "score"])
    recorded = pa.table({"event_time": table["at"], "features": inputs, "score": table["score"]})
    found = replayed(recorded)
    assert found.columns.features == ("age", "features.score")
    assert found.columns.answer == "score"
    strengths = {one.payoff: one.strength for one in found.evidence[-1].payoffs}
    assert strengths["features.score"] == strengths["age"]


def test_windows_without_rows_say_nothing_and_are_counted(table, replayed):
    days = np.repeat(np.arange(120), 60)
    found = replayed(table.filter(pa.array((days < 50) | (days >= 60))))
    assert any(note.startswith("10 of 74 windows hold no row") for note in found.notes)
    assert len(found.evidence) == 64


def test_a_regression_is_measured_by_its_error(table, replayed):
    rng = np.random.default_rng(3)
    age = table["age"].to_numpy()
    day = np.repeat(np.arange(120), 60)
    spent = pa.array(2 * age + rng.normal(0, np.where(day >= 70, 9, 3)))
    rows = table.select(["at", "age"]).append_column("prediction", pa.array(2 * age)).append_column("y", spent)
    found = replayed(rows)
    assert (found.columns.task, found.columns.label, found.metric) == ("regression", "y", "rmse")
    assert found.reference.quality == pytest.approx(3, rel=0.1)
    assert found.falls[0].worse_by == pytest.approx(6, rel=0.3)


def test_of_several_classes_the_caller_says_the_order(table, replayed):
    rng = np.random.default_rng(3)
    chances = rng.dirichlet([2, 1, 1], table.num_rows)
    kinds = ["abc"[rng.choice(3, p=chance)] for chance in chances]
    rows = table.select(["at", "age"]).append_column("probabilities", pa.array(chances.tolist()))
    rows = rows.append_column("kind", pa.array(kinds))
    found = replayed(rows, asked=Asked(label="kind", classes=("a", "b", "c")))
    assert found.reference.quality == pytest.approx(0.75, abs=0.05)
    assert {regime.payoff for regime in found.regimes} == {"age", "score", "confidence"}
    with pytest.raises(ShipworthyError, match="kind holds a, b, c: name the 3 classes in the order of probabilities"):
        replayed(rows, asked=Asked(label="kind"))
    with pytest.raises(ShipworthyError, match="--classes names 2 classes, and probabilities holds 3"):
        replayed(rows, asked=Asked(label="kind", classes=("a", "b")))


def test_a_training_sample_is_a_reference(table, replayed, tmp_path):
    pq.write_table(table.slice(0, 45 * 60), tmp_path / "train.parquet")
    found = replayed(table, reference=str(tmp_path / "train.parquet"))
    assert [one.alarm.moved[0].payoff for one in found.alarms] == [
        one.alarm.moved[0].payoff for one in replayed(table).alarms
    ]
    pq.write_table(table.drop(["score"]), tmp_path / "bare.parquet")
    with pytest.raises(ShipworthyError, match=r"no column score .the model's answers to these rows"):
        replayed(table, reference=str(tmp_path / "bare.parquet"))


def test_a_small_contract_is_enough(table, replayed, tmp_path):
    (tmp_path / "shipworthy.toml").write_text(
        '[features]\nage = { type = "float" }\n[monitoring]\ndrift = 0.1\nperformance = 0.05\n'
    )
    found = replayed(table, asked=LABELLED)
    assert (found.drift, found.columns.features) == (0.1, ("age",))
    assert "performance" in [told.alarm.cause for told in found.alarms]


def test_a_column_that_a_later_file_lacks_counts_as_null_and_is_named(table, replayed, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    pq.write_table(table.slice(0, 4_200), folder / "1.parquet")
    pq.write_table(table.slice(4_200).drop(["plan"]), folder / "2.parquet")
    found = replayed(str(folder))
    assert any("plan is missing in 3,000 rows, the first in" in note for note in found.notes)
    assert "plan" in [one.payoff for told in found.alarms for one in told.alarm.moved]


def test_a_column_that_changes_its_type_is_refused_with_its_file(table, replayed, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    pq.write_table(table.slice(0, 4_200), folder / "1.parquet")
    texts = table["age"].cast(pa.string())
    pq.write_table(table.slice(4_200).set_column(1, "age", texts.slice(4_200)), folder / "2.parquet")
    with pytest.raises(ShipworthyError, match=r"2\.parquet: age: expected float, the column is string"):
        replayed(str(folder))


def test_scores_that_are_missing_count_and_are_counted(table, replayed):
    score = table["score"].to_numpy().copy()
    score[::7] = np.nan
    found = replayed(table.set_column(3, "score", pa.array(score)), asked=LABELLED)
    assert any("rows have no score (null or NaN)" in note for note in found.notes)
    nothing = table.set_column(3, "score", pa.array(np.full(table.num_rows, np.nan)))
    with pytest.raises(ShipworthyError, match="score: expected numbers, all 2,700 rows of the reference are null"):
        replayed(nothing)


def test_what_a_small_reference_cannot_promise_is_said(table, replayed):
    found = replayed(table.slice(0, 50 + 40 * 60), reference="2021-01-01T00:00:00..2021-01-01T20:00:00")
    assert found.alarms == ()
    assert any("by their sampling error alone" in words for words in found.cannot)
    assert any("of which 12 are needed" in words for words in found.cannot)


def test_constant_and_empty_columns_are_watched_and_said(table, replayed):
    rows = table.append_column("same", pa.array(np.ones(table.num_rows)))
    rows = rows.append_column("empty", pa.nulls(table.num_rows, pa.float64()))
    found = replayed(rows, asked=Asked(features=("age", "same", "empty")))
    assert any(words.startswith("empty: nothing but nulls") for words in found.cannot)
    assert any(words.startswith("same: one value") for words in found.cannot)
    assert {one.payoff for told in found.alarms for one in told.alarm.moved}.isdisjoint({"same", "empty"})


@pytest.mark.parametrize(
    ("asked", "settings", "words"),
    [
        (Asked(score="scores"), {}, "the log has no column 'scores' .did you mean \"score\""),
        (Asked(time="plan"), {}, "plan: expected instants .timestamp or date., the column is string"),
        (Asked(score="age"), {}, "age: expected probabilities from 0 to 1, .* rows are not"),
        (Asked(prediction="plan"), {}, "plan: expected numbers, the column is string"),
        (Asked(label="plan"), {}, "name the 2 classes in the order of score by --classes"),
        (Asked(), {"reference": None}, "which rows are the reference"),
        (Asked(), {"reference": "2020-01-01..2020-02-01"}, "holds no row of .*which spans 2021-01-01"),
        (Asked(), {"reference": "2021-03-01..2021-02-01"}, "expected a period that ends after it has begun"),
        (Asked(), {"reference": "120d"}, "no window of 1d has closed after the reference"),
        (Asked(), {"reference": "absent.parquet"}, "there is no such file"),
        (Asked(), {"compare": ("psi<0.1",)}, "expected psi>NUMBER, as in psi>0.2"),
        (Asked(), {"window": "1"}, "--window 1: expected a length of time"),
        (Asked(), {"drift": 2.0}, "--drift 2.0: expected a share"),
        (Asked(), {"metric": "rmse"}, "--metric rmse: expected one of a classification"),
    ],
)
def test_a_mistake_is_named(table, replayed, asked, settings, words):
    with pytest.raises(ShipworthyError, match=words):
        replayed(table, asked=asked, **settings)


def test_a_log_without_rows_or_of_another_kind_is_refused(table, replayed, tmp_path):
    with pytest.raises(ShipworthyError, match="has no rows"):
        replayed(table.slice(0, 0))
    with pytest.raises(ShipworthyError, match="export the sql: source to Parquet"):
        replayed("sql:sqlite:x")
    with pytest.raises(ShipworthyError, match="neither a Delta table nor Parquet"):
        replayed(str(tmp_path / "nowhere"))


def test_an_alarm_names_rows_of_the_bin_that_grew_most_by_their_place_or_their_ids(table, replayed):
    [told] = replayed(table).alarms
    rows = told.alarm.examples
    assert {one.payoff for one in rows} >= {"age"}
    for one in rows:
        file, place = one.prediction.rsplit(" row ", 1)
        row = table.slice(int(place), 1).to_pylist()[0]
        assert file.endswith("log.parquet")
        assert clock.from_datetime(row["at"]) >= told.alarm.since
        assert one.answer == row["score"]
        assert one.values["age"] == row["age"]
        if one.payoff == "age":
            assert row["age"] > 40
    ids = [f"customer-{place}" for place in range(table.num_rows)]
    [named] = replayed(table.append_column("id", pa.array(ids))).alarms
    assert [one.id for one in named.alarm.examples] == [f"customer-{one.prediction.rsplit(' ', 1)[1]}" for one in rows]
