"""What an alarm says beyond which payoffs moved: bins, rows to look at, and what stays unexplained."""

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from monitoring.world import DAY, FEATURES, MODEL, REFERENCE, ROWS, rows

from shipworthy.counts.reference import build
from shipworthy.counts.windows import count
from shipworthy.monitoring import causes, examples, stored
from shipworthy.monitoring.alarming import told
from shipworthy.monitoring.records import Alarm, Explained, Moved

START = 100


def record(world, first, last, shift, release=1):
    """Predictions of days as recording leaves them: all that examples are made of."""
    for day in range(first, last):
        columns, answers, _ = rows(day, shift)
        table = pa.table(
            {
                "prediction_id": [f"{release}-w0-0-{day}-{row}" for row in range(ROWS)],
                "id": pa.array([f"{day}/{row}" if row % 2 else None for row in range(ROWS)], pa.string()),
                "release": pa.array([release] * ROWS, pa.int32()),
                "arrived": pa.array([(day * DAY + row) // 1000 for row in range(ROWS)], pa.timestamp("us", tz="UTC")),
                "window": pa.array([day * DAY // 1000] * ROWS, pa.timestamp("us", tz="UTC")),
                "features": pa.array(
                    [{"wind": wind, "carrier": carrier} for wind, carrier in zip(*columns, strict=True)]
                ),
                "score": answers[:, -1],
                "confidence": answers.max(axis=1),
                "values": pa.array(answers.tolist()),
            }
        )
        write_deltalake(str(world.layout.predictions(MODEL)), table, mode="append")


def raised(world, shift=1.5):
    world.days(START, START + 10)
    world.days(START + 10, START + 20, shift=shift)
    [entry] = world.watch().step()
    return entry.decode(Alarm)


def test_an_alarm_names_rows_of_the_bin_that_grew_most_of_its_own_release(world):
    record(world, START, START + 10, 0.0)
    record(world, START + 10, START + 20, 1.5, release=2)
    record(world, START + 10, START + 20, 1.5)
    alarm = raised(world)
    of_wind = [one for one in alarm.examples if one.payoff == "wind"]
    assert len(of_wind) == examples.EACH
    assert len({one.prediction for one in of_wind}) == examples.EACH
    for one in of_wind:
        day, row = map(int, one.prediction.split("-")[3:])
        assert one.prediction.startswith("1-w0-0-")
        assert alarm.since <= day * DAY < alarm.event_time
        assert one.values["wind"] == pytest.approx(rows(day, 1.5)[0][0][row])
        assert one.id == (f"{day}/{row}" if row % 2 else None)
    low, high = map(float, of_wind[0].bin.split(" to "))
    assert low > 1, "the wind grew by 1.5, from about 0"
    assert all(low <= one.values["wind"] <= high for one in of_wind)
    assert of_wind[0].prediction in told(alarm)
    assert all(str(one.values["wind"]) not in told(alarm) for one in of_wind), "values do not leave with alerts"


def test_an_alarm_needs_no_table_and_no_column_to_be_raised(world, caplog):
    assert raised(world).examples == ()
    assert not caplog.records


def test_a_table_that_cannot_be_read_costs_the_examples_and_not_the_alarm(world, caplog):
    record(world, START + 10, START + 12, 1.5)
    for file in world.layout.predictions(MODEL).glob("*.parquet"):
        file.write_bytes(b"not a table")
    world.contract = msgspec.structs.replace(world.contract, labels=None)
    assert raised(world).examples == ()
    assert "no rows are given as examples" in caplog.text


def test_few_rows_are_looked_through_however_many_there_are(world, monkeypatch):
    monkeypatch.setattr(examples, "LOOKED_THROUGH", 300)
    monkeypatch.setattr(stored, "_BATCH", 100)
    record(world, START, START + 10, 0.0)
    looked = []
    real = examples._of_alarm
    monkeypatch.setattr(examples, "_of_alarm", lambda rows, alarm: looked.append(rows.num_rows) or real(rows, alarm))
    monkeypatch.setattr(examples, "EACH", 10_000)
    record(world, START + 10, START + 20, 1.5)
    assert raised(world).examples
    assert sum(looked) == 300


def test_what_the_shift_of_the_only_cause_goes_with_is_nearly_all_of_the_change(world):
    alarm = raised(world, shift=0.8)
    wind = next(one for one in alarm.explained if one.feature == "wind")
    assert alarm.unexplained == pytest.approx(alarm.score_change - sum(one.change for one in alarm.explained))
    assert abs(alarm.unexplained) < 0.2 * abs(alarm.score_change)
    assert wind.bins[0].after > wind.bins[0].before
    assert abs(wind.bins[0].change) >= abs(wind.bins[-1].change) > 0
    assert "unexplained" in alarm.words or "more than all of it" in alarm.words


def test_the_parts_of_all_bins_add_up_to_the_change_of_their_feature():
    columns, answers, _ = rows(START, 0.7)
    since = count(REFERENCE, columns, answers)
    payoff, counts = REFERENCE.payoffs[0], since.of_payoffs(REFERENCE)[0]
    sums = since.scores_of_payoffs(REFERENCE)[0]
    parts = [one.change for one in causes._explained(REFERENCE, payoff, counts, sums, shown=payoff.bins.size).bins]
    assert sum(parts) == pytest.approx(causes.explained(REFERENCE, since, [0])[0].change)


@pytest.mark.parametrize(
    ("change", "parts", "said"),
    [
        (0.2, (0.15,), "changed by +0.2, of it +0.15 with wind; 25% is unexplained"),
        (-0.2, (-0.15, -0.04), "changed by -0.2, of it -0.15 with wind and -0.04 with carrier; 5% is unexplained"),
        (0.2, (0.15, 0.1), "more than all of it"),
        (0.2, (-0.1,), "the other way: all of it is unexplained"),
        (0.2, (), "all of it is unexplained"),
        (0.001, (0.1,), "has hardly changed (+0.001), though +0.1 with wind would go"),
        (0.001, (), "has hardly changed (+0.001)"),
        (None, (0.1,), ""),
    ],
)
def test_the_share_that_stays_unexplained_is_said_in_words(change, parts, said):
    found = [Explained(name, part) for name, part in zip(("wind", "carrier"), parts, strict=False)]
    words = causes.in_words(REFERENCE, change, found)
    assert said in words
    assert bool(words) == (change is not None)


def test_the_bin_that_grew_most_is_found_by_its_place_not_by_its_name():
    payoff = REFERENCE.payoffs[1]  # AA, UA, WN, other, new, null
    counts = np.array([10, 10, 10, 0, 70, 0])
    assert payoff.bins.labels[causes.grown(payoff, counts)] == "new"


def test_rows_of_two_features_that_go_together_differently_are_found_by_both(world):
    """A wind that has turned round with the carrier: the pair's own cell, and both values."""
    columns, answers, _ = rows(1)
    pair_of = build(FEATURES, columns, None, answers, None, window=DAY, pairs=1)
    [index] = [place for place, payoff in enumerate(pair_of.payoffs) if payoff.origin == "joint"]
    record(world, START, START + 1, 1.5)
    columns, answers, _ = rows(START, 1.5)
    counts = count(pair_of, columns, answers)
    moved = Moved("wind × carrier", "joint", 9.0, START * DAY, 0.5, 0.05, "row", ())
    alarm = msgspec.structs.replace(
        raised(world), moved=(moved,), since=START * DAY, event_time=(START + 1) * DAY, release=1
    )
    found = examples.examples(world.layout.predictions(MODEL), pair_of, [(START * DAY, counts)], alarm)
    assert len(found) == examples.EACH
    cell = pair_of.payoffs[index].bins.labels[causes.grown(pair_of.payoffs[index], counts.of_payoffs(pair_of)[index])]
    for one in found:
        assert one.bin == cell
        assert f"carrier {one.values['carrier']}" in cell
        assert one.values["wind"] > 0
