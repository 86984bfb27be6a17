"""A copy of a ledger is the ledger, record by record, or is not there; objects follow, each once."""

import threading

import pytest
from sqlalchemy import insert, select, update

from shipworthy.errors import InUse, Tampered, WrongUse
from shipworthy.store.copying import copy_ledger, copy_objects
from shipworthy.store.ledger import Ledger
from shipworthy.store.moved import Moved, note_moved, require_place
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare, prepare_ledger
from shipworthy.store.tables import entries, leases, window_counts


def fill(ledger, model="m", records=1200):
    with ledger.transaction() as connection:
        for number in range(records):
            ledger.append("run", model, {"n": number}, key=str(number), at=number, connection=connection)
        counted = {"model": model, "release": 1, "source": "w0", "window": 5, "rows": 7, "counts": b"\x00\xff"}
        connection.execute(insert(window_counts).values(counted))
        connection.execute(insert(leases).values(name=f"refresh:{model}", holder="1-a", until=2**62))


def told(ledger):
    return [(entry.id, entry.digest, entry.body, entry.key, entry.at) for entry in ledger.entries("run")]


@pytest.fixture
def elsewhere(tmp_path):
    return f"sqlite:///{tmp_path / 'elsewhere' / 'ledger.db'}"


def test_every_record_arrives_in_its_order_with_the_digest_that_it_had(ledger, elsewhere):
    fill(ledger)
    copied = copy_ledger(ledger, elsewhere, alone=True)
    assert (copied.models, copied.records, copied.counted) == (("m",), 1200, 1)
    target = Ledger(elsewhere)
    assert told(target) == told(ledger)
    with target.reading() as connection:
        assert connection.execute(select(window_counts.c.counts)).scalar_one() == b"\x00\xff"
        assert connection.execute(select(leases)).all() == []
    target.append("run", "m", {"n": "next"})
    assert target.newest("run", "m").decode(dict) == {"n": "next"}
    target.close()


def test_from_sqlite_to_any_database_and_back_nothing_changes(ledger, elsewhere, tmp_path):
    """`ledger` is either kind; the other way than above begins in SQLite."""
    prepare_ledger(elsewhere)
    begun = Ledger(elsewhere)
    fill(begun, records=3)
    there = copy_ledger(begun, ledger.url, alone=True)
    back = copy_ledger(ledger, f"sqlite:///{tmp_path / 'back.db'}", alone=False)
    assert (there.digest, there.records) == (back.digest, back.records)
    assert told(ledger) == told(begun)
    begun.close()


def test_two_models_share_a_database_and_two_histories_of_one_do_not(ledger, elsewhere):
    fill(ledger, records=3)
    prepare_ledger(elsewhere)
    other = Ledger(elsewhere)
    fill(other, "other", records=2)
    before = told(other)
    copy_ledger(ledger, elsewhere, alone=True)
    assert len(told(other)) == 5
    with pytest.raises(InUse, match="holds records of m already"):
        copy_ledger(ledger, elsewhere, alone=True)
    assert told(other)[3:] == before
    other.close()


def test_a_record_that_was_changed_is_named_and_nothing_arrives(ledger, elsewhere):
    fill(ledger, records=5)
    with ledger.transaction() as connection:
        connection.execute(update(entries).where(entries.c.key == "3").values(body='{"n":4}'))
    with pytest.raises(Tampered, match="was changed after it was written"):
        copy_ledger(ledger, elsewhere, alone=True)
    target = Ledger(elsewhere)
    assert told(target) == []
    target.close()


def test_a_ledger_is_not_copied_onto_itself(ledger):
    with pytest.raises(WrongUse, match="is where the ledger is"):
        copy_ledger(ledger, ledger.url, alone=True)


def test_what_is_written_during_a_copy_is_in_it_whole_or_not_at_all(ledger, elsewhere):
    """Of a writer who writes two records a transaction, a copy of one moment never holds the first alone."""
    done = threading.Event()

    def write():
        number = 0
        while not done.is_set():
            with ledger.transaction() as connection:
                for half in ("a", "b"):
                    ledger.append("run", "m", {"n": number}, key=f"{number}{half}", connection=connection)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copied = [copy_ledger(ledger, f"{elsewhere}-{number}", alone=False) for number in range(3)]
    finally:
        done.set()
        writer.join()
    assert all(one.records % 2 == 0 for one in copied)


def test_objects_are_copied_once_and_what_is_there_is_left(tmp_path):
    source, target = Objects(tmp_path / "from"), Objects(tmp_path / "to")
    shas = {source.put(f"object {number}".encode()) for number in range(20)}
    assert copy_objects(source, target) == (20, sum(len(source.get(sha)) for sha in shas))
    assert set(target.every()) == shas
    assert copy_objects(source, target) == (20, 0)


def test_an_object_that_was_changed_is_not_copied(tmp_path):
    source, target = Objects(tmp_path / "from"), Objects(tmp_path / "to")
    sha = source.put(b"content")
    (tmp_path / "from" / "sha256" / sha[:2] / sha[2:]).write_bytes(b"another")
    with pytest.raises(Tampered, match="was changed"):
        copy_objects(source, target)
    assert list(target.every()) == []


def test_a_ledger_that_was_left_is_not_gone_on_in_unawares(layout, elsewhere, monkeypatch):
    prepare(layout)
    note = note_moved(layout, Moved(layout.own_ledger_url, elsewhere, "s3://bucket", 0, 3, "d"))
    with pytest.raises(WrongUse, match=r"was moved to .*elsewhere.*SHIPWORTHY_STORE to s3://bucket"):
        require_place(layout, "m")
    monkeypatch.setenv("SHIPWORTHY_DATABASE_URL", elsewhere)
    require_place(layout, "m")
    monkeypatch.delenv("SHIPWORTHY_DATABASE_URL")
    note.unlink()
    require_place(layout, "m")


def test_an_empty_database_beside_a_ledger_with_records_is_no_beginning(layout, elsewhere, monkeypatch):
    prepare(layout)
    own = Ledger(layout.ledger_url)
    own.append("run", "m", {"n": 1})
    monkeypatch.setenv("SHIPWORTHY_DATABASE_URL", elsewhere)
    with pytest.raises(WrongUse, match=r"has no record of m, and .*ledger\.db has: `shipworthy move"):
        require_place(layout, "m")
    require_place(layout, "a model that nobody has begun")
    copy_ledger(own, elsewhere, alone=True)
    require_place(layout, "m")
    own.close()
