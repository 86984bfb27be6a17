"""State is created and migrated on explicit start only; using a ledger that does not fit says what to do."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from shipworthy.errors import NotFound, WrongUse
from shipworthy.store import tables
from shipworthy.store.database import SCHEMA, open_engine, reading, shown
from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import newest_revision, prepare


def set_schema(layout, revision):
    engine = open_engine(layout.ledger_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_that_queries_are_written_against(ledger):
    with reading(ledger.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_the_code_names_the_newest_migration_as_the_schema_that_it_needs():
    assert newest_revision() == SCHEMA


def test_a_ledger_that_was_never_prepared_is_named_and_not_created(layout):
    with pytest.raises(NotFound, match=r"no ledger at .*ledger\.db; `shipworthy prepare` creates it"):
        Ledger(layout.ledger_url)
    assert not layout.state.exists()


def test_a_file_that_holds_no_ledger_counts_as_none(layout):
    layout.state.mkdir(parents=True)
    (layout.state / "ledger.db").touch()
    with pytest.raises(NotFound, match="no ledger"):
        Ledger(layout.ledger_url)


@pytest.mark.parametrize(("revision", "advice"), [("0000", "run `shipworthy prepare`"), ("9999", "upgrade shipworthy")])
def test_a_ledger_of_another_time_is_refused_with_what_to_do(either, revision, advice):
    prepare(either)
    set_schema(either, revision)
    with pytest.raises(WrongUse, match=f"has schema {revision}.*{advice}"):
        Ledger(either.ledger_url)


def test_preparing_never_touches_a_ledger_newer_than_the_code(layout):
    prepare(layout)
    set_schema(layout, "9999")
    with pytest.raises(WrongUse, match="upgrade shipworthy"):
        prepare(layout)


def test_preparing_twice_keeps_what_is_there(either):
    prepare(either)
    ledger = Ledger(either.ledger_url)
    written = ledger.append("run", "m", {"a": 1})
    ledger.close()
    prepare(either)
    again = Ledger(either.ledger_url)
    assert again.get(written.id) == written
    again.close()


def test_a_migration_that_fails_leaves_nothing_behind(either):
    """The last table cannot be made, because a view stands in its place: the others are not there either."""
    either.state.mkdir(parents=True)
    engine = open_engine(either.ledger_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW progress AS SELECT 1"))
    with pytest.raises(Exception, match="progress"):
        prepare(either)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_database_without_a_ledger_counts_as_none(either):
    with pytest.raises(
        NotFound, match=r"no ledger at postgresql.*:\*\*\*@127\.0\.0\.1.*`shipworthy prepare` creates it"
    ):
        Ledger(either.ledger_url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "mysql://someone:secret@db.example/ledger",
            r"is mysql://someone:\*\*\*@db.example/ledger: .*PostgreSQL or SQLite",
        ),
        ("ledger", "SHIPWORTHY_DATABASE_URL cannot be read; expected something like postgresql://user@host/name"),
        ("postgresql+asyncpg://u@h/n", "needs the Python package asyncpg"),
    ],
)
def test_a_url_that_no_ledger_can_stand_at_is_named(url, said):
    with pytest.raises(WrongUse, match=said):
        open_engine(url)


def test_the_state_folder_stays_out_of_git(layout):
    prepare(layout)
    assert (layout.state / ".gitignore").read_text() == "*\n"


def test_a_password_in_the_database_url_is_never_shown():
    assert (
        shown("postgresql+psycopg://someone:secret@db.example/ledger")
        == "postgresql+psycopg://someone:***@db.example/ledger"
    )
