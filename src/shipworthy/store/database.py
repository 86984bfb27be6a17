"""The ledger's database: how it is opened, and whether its schema is the one that this code was written for.

A writing transaction takes a lock that there is one of at its beginning, so that a writer waits for its turn, never
fails midway, and may write what follows from what it read. SQLite has such a lock; in PostgreSQL it is an advisory one.
Readers do not take it, and see the state as of their beginning (WAL mode; a repeatable read).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, ProgrammingError

from shipworthy.errors import NotFound, WrongUse
from shipworthy.store.closed import closed_to_writing

SCHEMA = "0002"  # the newest revision in store/migrations; a test holds the two together
BUSY_MS = 30_000  # how long a writer waits for another one
AWAY = (OperationalError, InterfaceError)  # nothing that a query did wrong: the same may work later

WRITERS = 0x5368_6970  # the advisory lock's number in PostgreSQL: "Ship"

_READS_ONLY = "shipworthy_reads_only"  # execution option of a connection


def open_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL. Nothing is created and no connection is made yet.

    WrongUse for a URL that cannot be read, another kind of database, or one whose driver is not installed.
    """
    parsed = _parsed(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    file = sqlite_file(url) if is_sqlite else None
    connect = None if file is None else closed_to_writing(file)
    more = {} if connect is None else {"creator": connect}
    try:
        engine = create_engine(parsed, pool_pre_ping=not is_sqlite, **more)
    except ImportError as error:
        raise WrongUse(
            f"{shown(parsed)} needs the Python package {error.name}; install 'shipworthy[postgres]'"
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite if is_sqlite else _begin_postgresql)
    return engine


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise WrongUse(
            "SHIPWORTHY_DATABASE_URL cannot be read; expected something like postgresql://user@host/name"
        ) from error
    if parsed.drivername in ("postgres", "postgresql"):  # what PostgreSQL itself calls it says nothing of a driver
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise WrongUse(
            f"SHIPWORTHY_DATABASE_URL is {shown(parsed)}: a ledger is kept in PostgreSQL or SQLite; "
            "expected something like postgresql://user@host/name"
        )
    return parsed


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: all of it is kept, or nothing."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view; waits for nobody and makes nobody wait. Not for writing: that is rolled back."""
    # One view for several queries is a matter of course in SQLite; PostgreSQL gives it on request.
    more = (
        {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )
    with engine.connect().execution_options(**{_READS_ONLY: True}, **more) as connection:
        yield connection


def schema_of(engine: Engine) -> str | None:
    """The revision that a database stands at; None where there is no ledger in it."""
    if not _exists(engine):
        return None
    with reading(engine) as connection:
        try:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (OperationalError, ProgrammingError) as error:
            if _says_no_such_table(error):
                return None
            raise


def require_schema(engine: Engine) -> None:
    """NotFound without a ledger; WrongUse where it is older or newer than this code."""
    found, where = schema_of(engine), shown(engine.url)
    if found is None:
        raise NotFound(f"there is no ledger at {where}; `shipworthy prepare` creates it")
    if found < SCHEMA:
        raise WrongUse(
            f"the ledger at {where} has schema {found}, this shipworthy needs {SCHEMA}; "
            "stop what uses it, back it up, and run `shipworthy prepare`"
        )
    if found > SCHEMA:
        raise newer_than_code(found, where)


def newer_than_code(found: str, where: str) -> WrongUse:
    """The error for a ledger that a newer shipworthy has migrated."""
    return WrongUse(
        f"the ledger at {where} has schema {found}, newer than {SCHEMA}, the newest that this shipworthy knows; "
        "upgrade shipworthy"
    )


def shown(url: str | URL) -> str:
    """A database's URL as it may be printed: without its password."""
    return make_url(url).render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for any other."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def _exists(engine: Engine) -> bool:
    file = sqlite_file(engine.url.render_as_string(hide_password=False))
    return file is None or file.exists()  # opening an SQLite file that is not there would create it


def _says_no_such_table(error: OperationalError | ProgrammingError) -> bool:
    message = str(error.orig).lower()
    return "no such table" in message or "does not exist" in message


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA synchronous=FULL")  # what is committed survives power loss
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get(_READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get(_READS_ONLY, False):
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": WRITERS})


def in_words(error: Exception) -> str:
    """What a database said, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
