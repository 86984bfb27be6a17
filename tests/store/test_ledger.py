"""The ledger keeps every record as it was written, or says that somebody changed it."""

import sqlite3
import threading

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from shipworthy.errors import InUse, NotFound, Tampered
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import entries, progress


class Note(msgspec.Struct, frozen=True):
    text: str
    figures: dict[str, float] = {}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
unkept = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")


def test_a_record_comes_back_as_it_was_written(ledger):
    note = Note("hello", {"auc": 0.71})
    entry = ledger.append("note", "m", note, subject="run-1", key="1", at=42)
    assert entry.id.startswith("note-")
    assert ledger.by_key("note", "m", "1") == entry
    assert ledger.get(entry.id).decode(Note) == note
    assert (entry.at, entry.subject) == (42, "run-1")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=st.dictionaries(st.text(unkept, max_size=5), json_values, max_size=3), at=st.integers(0, 2**62))
def test_any_json_survives_and_verifies(ledger, body, at):
    entry = ledger.append("any", "m", body, at=at)
    assert ledger.get(entry.id) == entry
    assert msgspec.json.decode(entry.body) == body


def test_a_taken_key_is_refused_and_the_first_record_stands(ledger):
    first = ledger.append("release", "m", {"number": 1}, key="1")
    with pytest.raises(InUse, match="release '1' of m is already recorded"):
        ledger.append("release", "m", {"number": 1, "other": True}, key="1")
    assert ledger.by_key("release", "m", "1") == first


def test_keys_are_kept_apart_by_kind_and_model(ledger):
    ids = {ledger.append(kind, model, {}, key="1").id for kind in ("a", "b") for model in ("m", "n")}
    assert len(ids) == 4


def test_a_repeated_step_gets_the_record_of_the_first_time(ledger):
    first = ledger.append_once("refresh", "m", {"try": 1}, key="wf-1:train")
    assert ledger.append_once("refresh", "m", {"try": 2}, key="wf-1:train") == first


def test_the_very_same_record_is_one_record(ledger):
    first = ledger.append("note", "m", {"a": 1}, at=5)
    assert ledger.append("note", "m", {"a": 1}, at=5) == first
    assert len(ledger.entries("note")) == 1


def test_a_record_of_a_failed_transaction_never_was(ledger):
    def fail():
        with ledger.transaction() as connection:
            ledger.append("note", "m", {"a": 1}, connection=connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ledger.entries("note") == []


def test_a_taken_key_inside_a_transaction_leaves_the_rest_of_it_usable(ledger):
    ledger.append("note", "m", {}, key="1")
    with ledger.transaction() as connection:
        with pytest.raises(InUse):
            ledger.append("note", "m", {}, key="1", connection=connection)
        ledger.append("note", "m", {}, key="2", connection=connection)
    assert ledger.by_key("note", "m", "2") is not None


def test_records_come_newest_first_by_model_subject_and_beginning_of_the_id(ledger):
    made = [ledger.append("note", model, {}, subject=subject) for model in "mn" for subject in ("x", "y")]
    assert ledger.entries("note") == made[::-1]
    assert ledger.entries("note", "m") == [made[1], made[0]]
    assert ledger.entries("note", "n", subject="x") == [made[2]]
    assert ledger.entries("note", prefix=made[1].id[:12]) == [made[1]]
    assert ledger.newest("note", "m") == made[1]
    assert ledger.newest("note", "nobody") is None
    assert ledger.about("y") == [made[3], made[1]]
    assert ledger.about("y", "other") == []


def test_an_id_is_found_by_its_beginning_with_or_without_its_kind(ledger):
    entry = ledger.append("run", "m", {"a": 1}, at=1)
    other = ledger.append("run", "m", {"a": 2}, at=1)
    assert ledger.matching(entry.id[:9]) == [entry]
    assert ledger.matching(entry.id[4:10]) == [entry]
    assert set(ledger.matching("run-")) == {entry, other}
    assert ledger.matching("run_") == []  # no wildcard
    assert ledger.matching("%") == []


def test_an_unknown_id_is_named(ledger):
    with pytest.raises(NotFound, match="run-0000"):
        ledger.get("run-0000")


@pytest.mark.parametrize(
    ("column", "value"),
    [("body", '{"auc":0.9}'), ("subject", "run-2"), ("at", 1), ("model", "n"), ("key", "8"), ("digest", "0" * 64)],
)
def test_a_changed_row_is_told_from_one_as_written(ledger, column, value):
    entry = ledger.append("run", "m", {"auc": 0.7}, subject="run-1", key="7")
    with ledger.transaction() as connection:
        connection.execute(update(entries).where(entries.c.id == entry.id).values({column: value}))
    with pytest.raises(Tampered, match=f"{entry.id} in the ledger was changed"):
        ledger.entries("run")


def test_a_row_under_another_id_is_told(ledger):
    """Whoever also recomputes the digest has to give the record another id, which nothing points to."""
    entry = ledger.append("run", "m", {"auc": 0.7})
    better = ledger.append("run", "m", {"auc": 0.9})
    with ledger.transaction() as connection:
        connection.execute(entries.delete().where(entries.c.id == better.id))
        forged = {"body": better.body.decode(), "at": better.at, "digest": better.digest}
        connection.execute(update(entries).where(entries.c.id == entry.id).values(forged))
    with pytest.raises(Tampered):
        ledger.get(entry.id)


def test_a_reader_neither_waits_for_a_writer_nor_sees_what_is_unfinished(ledger):
    with ledger.transaction() as connection:
        ledger.append("note", "m", {}, connection=connection)
        assert ledger.entries("note") == []
    assert len(ledger.entries("note")) == 1


def test_a_reader_sees_the_same_state_in_all_its_queries(ledger):
    ledger.append("note", "m", {"a": 1})
    with ledger.reading() as connection:
        before = connection.execute(select(entries.c.id)).all()
        ledger.append("note", "m", {"a": 2})
        assert connection.execute(select(entries.c.id)).all() == before
    assert len(ledger.entries("note")) == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_reader_does_not_take_the_write_lock(ledger, layout):
    with ledger.reading() as connection:
        connection.execute(select(entries)).all()
        other = sqlite3.connect(layout.state / "ledger.db", timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        other.close()


def test_writers_in_many_threads_lose_no_update(ledger, layout):
    """Reading a number and writing the next one is safe inside one transaction."""
    with ledger.transaction() as connection:
        connection.execute(progress.insert().values(model="m", source="s", newest=0))

    def count():
        own = Ledger(layout.ledger_url)
        for _ in range(10):
            with own.transaction() as connection:
                newest = connection.execute(select(progress.c.newest)).scalar_one()
                connection.execute(update(progress).values(newest=newest + 1))
        own.close()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.reading() as connection:
        assert connection.execute(select(progress.c.newest)).scalar_one() == 40


def test_of_many_who_want_a_key_one_gets_it(ledger, layout):
    outcomes = []

    def take(name):
        own = Ledger(layout.ledger_url)
        try:
            outcomes.append(own.append("release", "m", {"by": name}, key="1").id)
        except InUse:
            outcomes.append(None)
        own.close()

    threads = [threading.Thread(target=take, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome for outcome in outcomes if outcome] == [ledger.by_key("release", "m", "1").id]
