"""The watch looks at skew between gates: one alarm, over when rows agree again, and no row weighed twice."""

from __future__ import annotations

from math import log

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from monitoring.world import CONTRACT, DAY, MODEL

from shipworthy.contract.records import DataSource, SkewRule
from shipworthy.errors import NotFound, WrongUse
from shipworthy.monitoring.records import Alarm, FeatureSkew
from shipworthy.monitoring.skew_evidence import CLEAN, SkewEvidence, SkewLook
from shipworthy.monitoring.skew_watch import KIND, SkewFacts, SkewWatch, Training
from shipworthy.training.looking_up import look_up, state

ROWS = 60  # a batch
WIND, CARRIER = np.random.default_rng(5).normal(size=100_000), np.array(["AA", "UA", "WN"])
RULE = SkewRule(fewest=30, newest=1_000)
DATA = DataSource(name="flights", kind="delta", location="flights", target="late", id="flight")


def row(number):
    return {"wind": float(WIND[number]), "carrier": str(CARRIER[number % 3])}


class Shop:
    """Served rows, a training source that gets them late, and whoever watches the two."""

    def __init__(self, world, kind="delta"):
        self.world, self.reads, self.days = world, 0, 100
        location = {"delta": "flights", "file": "flights.parquet"}[kind]
        self.data = msgspec.structs.replace(DATA, kind=kind, location=location)
        gate = msgspec.structs.replace(CONTRACT.gate, skew=RULE)
        self.contract = msgspec.structs.replace(CONTRACT, data=(self.data,), gate=gate)
        self.project = world.layout.project
        self.next = 0

    def serve(self, changed=lambda features: features, rows=ROWS):
        """A batch of rows as the server saw them; their numbers."""
        numbers = range(self.next, self.next + rows)
        self.next += rows
        seen = [changed(row(number)) for number in numbers]
        table = pa.table(
            {
                "prediction_id": [f"1-w0-0-{number}-0" for number in numbers],
                "id": [str(number) for number in numbers],
                "release": pa.array([1] * rows, pa.int32()),
                "window": pa.array([0] * rows, pa.timestamp("us", tz="UTC")),
                "arrived": pa.array([1_000_000 + number for number in numbers], pa.timestamp("us", tz="UTC")),
                "features": pa.array(seen),
            }
        )
        write_deltalake(str(self.world.layout.predictions(MODEL)), table, mode="append")
        return numbers

    def learn(self, numbers):
        """The training source gets these rows."""
        table = pa.table(
            {
                "flight": pa.array(numbers),
                "late": [False] * len(numbers),
                **{name: [row(number)[name] for number in numbers] for name in ("wind", "carrier")},
            }
        )
        place = self.project / self.data.location
        if self.data.kind == "delta":
            write_deltalake(str(place), table, mode="append")
        else:
            old = [pq.read_table(place)] if place.exists() else []
            pq.write_table(pa.concat_tables([*old, table]), place)

    def state(self):
        return state(self.data, self.project)

    def rows(self, ids):
        self.reads += 1
        return Training(look_up(self.data, self.project, None, ["wind", "carrier"], ids), str(self.state()))

    def watch(self):
        facts = SkewFacts(self, lambda: self.days * DAY, lambda: 1, lambda _: 5, lambda alarm: alarm)
        predictions = self.world.layout.predictions(MODEL)
        return SkewWatch(self.world.ledger, self.contract, predictions, facts, pause=0.0, time_share=float("inf"))

    def rounds(self, count, changed=lambda features: features, watch=None):
        """Days on each of which a batch is served, learnt, and looked at by a new watch; the alarms."""
        found = []
        for _ in range(count):
            self.days += 1
            self.learn(self.serve(changed))
            found += [entry.decode(Alarm) for entry in (watch or self.watch()).step()]
        return found

    def looks(self):
        return [entry.decode(SkewLook) for entry in reversed(self.world.ledger.entries(KIND, MODEL))]


@pytest.fixture(params=["delta", "file"])
def shop(world, request):
    return Shop(world, request.param)


def broken(features):
    return features | {"wind": 0.0}


def test_a_skew_is_one_alarm_that_ends_when_rows_agree_again_and_may_come_back(shop):
    watch = shop.watch()
    assert shop.rounds(4, watch=watch) == []
    [alarm] = shop.rounds(6, broken)
    assert (alarm.cause, alarm.release, alarm.skewed[0].feature) == ("skew", 1, "wind")
    assert alarm.since == 105 * DAY
    assert "wind differed in 60 of 60 rows served, e.g. id" in alarm.words
    assert "it seems since 1970-04-16" in alarm.words
    assert alarm.skewed[0].served == 0.0
    [entry] = shop.world.ledger.entries("alarm", MODEL)
    assert shop.watch().over(entry.id) == ""
    assert shop.rounds(CLEAN - 1) == []
    assert shop.watch().over(entry.id) == ""
    assert shop.rounds(2) == []
    assert "again what the training source says" in shop.watch().over(entry.id)
    assert len(shop.rounds(6, broken)) == 1
    assert "again" in shop.watch().over(entry.id), "another one is open, not this"


def test_no_row_is_weighed_twice_by_whichever_watch_and_rows_wait_for_a_source_that_is_late(shop):
    waiting = [shop.serve() for _ in range(3)]
    shop.learn(waiting[0])
    for _ in range(3):
        shop.watch().step()
    [first] = shop.looks()
    assert (first.rows, first.unknown) == (ROWS, 2 * ROWS)
    shop.learn([*waiting[1], *waiting[2]])
    for _ in range(3):
        shop.watch().step()
    assert [look.rows for look in shop.looks()] == [ROWS, 2 * ROWS]
    assert shop.looks()[1].until == max(1_000_000 + number for number in waiting[2]) * 1_000


def test_nothing_is_read_while_nothing_has_changed_and_too_few_rows_are_no_look(shop):
    watch = shop.watch()
    shop.learn(shop.serve(rows=RULE.fewest - 1))
    for _ in range(3):
        watch.step()
    assert (shop.reads, shop.looks()) == (0, [])
    shop.learn(shop.serve(rows=1))
    for _ in range(3):
        watch.step()
    assert (shop.reads, len(shop.looks())) == (1, 1)


def test_of_more_rows_than_are_asked_for_a_sample_is_looked_up(shop):
    shop.learn(shop.serve(rows=6 * RULE.newest))
    shop.watch().step()
    [look] = shop.looks()
    assert 0.8 * RULE.newest < look.rows < 1.2 * RULE.newest


def test_a_source_that_cannot_be_read_is_said_and_looked_at_again(shop):
    shop.serve()
    watch = shop.watch()
    with pytest.raises(NotFound):
        watch.step()
    shop.learn(range(ROWS))
    watch.step()
    assert [look.rows for look in shop.looks()] == [ROWS]


def test_rows_of_a_delta_table_that_were_deleted_are_not_found(world):
    shop = Shop(world)
    shop.learn(shop.serve())
    DeltaTable(str(shop.project / "flights")).delete("flight < 10")
    shop.watch().step()
    assert shop.looks()[0].rows == ROWS - 10


def test_a_source_without_the_column_is_wrong_use(world):
    shop = Shop(world, "file")
    shop.serve()
    pq.write_table(pa.table({"flight": [1], "wind": [1.0]}), shop.project / "flights.parquet")
    with pytest.raises(WrongUse, match="no column carrier; there are flight, wind"):
        shop.watch().step()


def test_rows_that_differ_as_often_as_they_may_keep_the_promise_however_often_anybody_looks():
    """Twenty looks a window; corrected rows come in bursts: all of one look in a hundred, which is as many as may."""
    rng, alarms, names = np.random.default_rng(3), 0, ("a", "b", "c")
    windows, looks = 50, 20
    for _ in range(40):
        evidence = SkewEvidence(names, 0.01, log(20 * 3))  # one false alarm in twenty windows, shared by three
        for number in range(windows * looks):
            hit = tuple(FeatureSkew(name, 50, 50, "i", "p", 0.0, 1.0) for name in names if rng.random() < 0.01)
            evidence.add(look(number, hit, 1 / looks))
            alarms += evidence.open == number
    assert alarms / 40 <= windows / 20 / 3


def look(number, features, share=1.0):
    return SkewLook(1, number, "flights", "1", 0.0, number, 0, share, 50, 0, 0, features, 0.01, 0.0, "")
