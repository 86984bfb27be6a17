"""`skew`: rows that were logged and recorded, against the file that a training would read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.test_wrong_use import CONTRACT

from shipworthy import clock
from shipworthy.contract.reading import read
from shipworthy.monitoring.skew import Skew
from shipworthy.predictions.log import LogWriter
from shipworthy.recording.recorder import Recorder
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare

ROWS = 40


@pytest.fixture
def serve(user):
    """Writes the contract and the source, and logs and records rows as a worker and a recorder do."""

    def serve(ages, ids, rule="fewest = 30", id_='id = "customer"'):
        text = CONTRACT.replace('target = "left"', f'target = "left"\n{id_}')
        user.write("shipworthy.toml", f"{text}[gate.skew]\n{rule}\n")
        source = {"customer": np.arange(ROWS), "age": np.arange(ROWS) + 20.0, "left": np.arange(ROWS) % 2 == 0}
        pq.write_table(pa.table(source), user.folder / "customers.parquet")
        contract = read(user.folder / "shipworthy.toml")
        prepare(user.layout)
        log = LogWriter(user.layout.logs("churn"), "w0")
        log.open("churn", 1, contract.features, (False, True))
        for age, id_of in zip(ages, ids, strict=True):
            log.append(clock.now(), 1, [np.array([age])], np.array([[0.5, 0.5]]), [id_of])
        log.close()
        ledger = Ledger(user.layout.ledger_url)
        recorder = Recorder(user.layout, "churn", ledger, contract, lambda _: None)
        recorder.flush()
        recorder.close()
        return ledger

    return serve


def test_a_feature_that_is_served_as_another_value_is_named_and_the_code_is_1(serve, here):
    ages = [0.0 if row < 12 else row + 20.0 for row in range(ROWS)]
    ledger = serve(ages, map(str, range(ROWS)))
    said = here("skew", code=1)
    assert "age differed in 12 of 40 rows served, e.g. id " in said.out
    [entry] = ledger.entries("skew", "churn")
    record = entry.decode(Skew)
    assert record.features[0].differing == 12
    assert record.features[0].training == float(record.features[0].id) + 20
    assert (record.served, record.compared, record.location) == (ROWS, ROWS, "file:customers.parquet")
    ledger.close()


def test_rows_that_are_the_same_are_said_to_be_and_of_one_id_the_newest_counts(serve, here):
    ages = [0.0, *(row + 20.0 for row in range(ROWS))]
    serve(ages, ["0", *map(str, range(ROWS))]).close()
    assert "40 rows served are the same in the training source" in here("skew").out


def test_the_newest_rows_are_looked_up_though_a_file_begins_with_its_oldest(serve, here):
    """What was mended since is not held against anybody."""
    ages = [0.0 if row < 30 else row + 20.0 for row in range(ROWS)]
    serve(ages, map(str, range(ROWS)), rule="fewest = 5\nnewest = 10").close()
    assert "10 rows served are the same in the training source" in here("skew").out


def test_too_few_rows_decide_nothing(serve, here):
    serve([0.0] * 5, [None, "1", "2", "3", "x"]).close()
    said = here("skew", code=3)
    assert "not enough rows yet: 3 of 30" in said.out


def test_a_share_of_rows_may_differ_where_the_contract_says_so(serve, here):
    ages = [0.0 if row < 12 else row + 20.0 for row in range(ROWS)]
    serve(ages, map(str, range(ROWS)), rule="fewest = 30\nshare = 0.3").close()
    assert "age differed in 12 of 40" in here("skew").out


def test_without_an_id_in_the_contract_the_key_is_named(serve, here):
    serve([], [], id_="").close()
    assert "data.customers.id is not set" in here("skew", code=2).err


def test_before_anything_was_served_it_says_so(serve, here):
    serve([], []).close()
    assert "0 of the 0 newest rows" in here("skew", code=3).out
