"""The ledger's database: how it is opened, and whether its schema is the one that this code was written for.

SQLite gets its write lock at the beginning of a writing transaction, so that a writer waits for its turn and never
fails midway; readers do not take it, and see the state as of their beginning (WAL mode).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from shipworthy.errors import NotFound, WrongUse

SCHEMA = "0001"  # the newest revision in store/migrations; a test holds the two together
BUSY_MS = 30_000  # how long a writer waits for another one

_READS_ONLY = "shipworthy_reads_only"  # execution option of a connection


def open_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL. Nothing is created and no connection is made yet."""
    is_sqlite = url.startswith("sqlite")
    engine = create_engine(url, pool_pre_ping=not is_sqlite)
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction: all of it is kept, or nothing."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view; waits for nobody and makes nobody wait. Not for writing: that is rolled back."""
    with engine.connect().execution_options(**{_READS_ONLY: True}) as connection:
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
