"""`sql:` sources: the rows of a query, kept as Parquet when they are used, so that no rebuild needs the database.

A URL names what must not be written down as environment variables. What they hold is put in only when a connection is
made, and is taken out of whatever the database or its driver says.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import URL, Connection, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from shipworthy.contract.sources import VARIABLE
from shipworthy.errors import NotFound, WrongUse
from shipworthy.store.objects import File, Objects
from shipworthy.training import sql_dialects
from shipworthy.training.sql_columns import Columns

AT_ONCE = 20_000  # rows that are fetched, and held as Python's values, at a time
GROUP = 2**17  # rows a row group: whatever changes it changes the bytes that the same rows become
CONNECTS = 30  # s

# What to install for a database whose driver is missing; others are named by themselves.
_DRIVERS = {"psycopg": "'shipworthy[postgres]'", "MySQLdb": "mysqlclient", "oracledb": "oracledb", "pyodbc": "pyodbc"}


@dataclass(frozen=True, slots=True)
class Database:
    """Where to connect to, and what may not be told of it."""

    url: URL
    shown: str  # as the contract has it
    secrets: dict[str, str] = field(default_factory=dict)  # variable -> what it holds

    def told(self, error: object) -> str:
        """What went wrong, with the variables' values taken out again."""
        said = str(error).strip()
        for name, value in sorted(self.secrets.items(), key=lambda each: -len(each[1])):
            said = said.replace(value, f"${{{name}}}")
        return said


def keep(location: str, query: str, project: Path, objects: Objects) -> File:
    """The rows of a query as one object, rows.parquet. NotFound, WrongUse."""
    database = found(location, project, os.environ)
    try:
        with _connected(database) as connection:
            rows = _answer(connection, query, database)
    except SQLAlchemyError as error:
        said = database.told(getattr(error, "orig", None) or error)
        raise WrongUse(f"sql:{database.shown} cannot be read: {said}") from None
    with tempfile.TemporaryDirectory(prefix="shipworthy-") as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(rows, path, compression="zstd", row_group_size=GROUP)
        return File(path.name, objects.put_file(path), path.stat().st_size)


def found(location: str, project: Path, environment: Mapping[str, str]) -> Database:
    """A location with its variables filled in; SQLite's file is relative to the project. NotFound, WrongUse."""
    secrets: dict[str, str] = {}

    def filled(text: str | None) -> str | None:
        return (
            None if text is None else VARIABLE.sub(lambda match: _value(match[1], location, environment, secrets), text)
        )

    whole = VARIABLE.fullmatch(location) is not None
    try:
        url = make_url(str(filled(location)) if whole else location)
    except (ArgumentError, ValueError):
        raise WrongUse(
            f"sql:{location} is no URL of a database, such as postgresql://reader:${{PASSWORD}}@host:5432/name; "
            "a port cannot be a variable unless all of the URL is one"
        ) from None
    if whole and url.password is not None:
        secrets["password"] = str(url.password)
    query: Any = {name: filled(value) if isinstance(value, str) else value for name, value in url.query.items()}
    url = url.set(
        username=filled(url.username),
        password=filled(None if url.password is None else str(url.password)),
        host=filled(url.host),
        database=filled(url.database),
        query=query,
    )
    database = Database(url, location, secrets)
    return _sqlite(database, project) if url.get_backend_name() == "sqlite" else database


def _value(name: str, location: str, environment: Mapping[str, str], secrets: dict[str, str]) -> str:
    value = environment.get(name)
    if not value:
        raise WrongUse(
            f"sql:{location}: the environment variable {name} is not set here; expected it to hold that part"
        )
    secrets[name] = value
    return value


def _sqlite(database: Database, project: Path) -> Database:
    name = database.url.database
    if not name or name == ":memory:" or name.startswith("file:"):
        raise WrongUse(f"sql:{database.shown}: expected a database file: sqlite:///warehouse.db")
    path = project / name
    if not path.is_file():
        raise NotFound(f"sql:{database.shown}: {path} does not exist")
    return Database(database.url.set(database=str(path)), database.shown, database.secrets)


@contextmanager
def _connected(database: Database) -> Iterator[Connection]:
    """A connection on which nothing is changed: what a query might do is rolled back."""
    backend = database.url.get_backend_name()
    options: dict[str, Any] = {"no_parameters": True, "stream_results": True}
    arguments: dict[str, Any] = {}
    if backend == "sqlite":
        sql_dialects.register_sqlite()
        arguments = {"detect_types": sqlite3.PARSE_DECLTYPES}
    elif backend == "postgresql":
        options |= {"postgresql_readonly": True}
        arguments = {"connect_timeout": CONNECTS} if "connect_timeout" not in database.url.query else {}
    try:
        engine = create_engine(database.url, poolclass=NullPool, connect_args=arguments)
    except NoSuchModuleError:
        raise WrongUse(f"sql:{database.shown}: SQLAlchemy knows no database {database.url.drivername!r}") from None
    except ModuleNotFoundError as error:
        name = str(error.name)
        raise WrongUse(
            f"sql:{database.shown} needs a driver ({name} is not installed): pip install {_DRIVERS.get(name, name)}"
        ) from None
    with engine.connect().execution_options(**options) as connection:
        if backend == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
        yield connection


def _answer(connection: Connection, query: str, database: Database) -> pa.Table:
    result = connection.exec_driver_sql(query)
    if not result.returns_rows:
        raise WrongUse(f"sql:{database.shown}: the query returns no rows; expected a SELECT")
    names = list(result.keys())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise WrongUse(f"sql:{database.shown}: two columns are called {twice!r}; name one of them AS something else")
    cursor: Any = result.cursor
    declared = sql_dialects.postgresql(cursor.description) if connection.dialect.driver == "psycopg" else {}
    columns = Columns(names, declared, f"sql:{database.shown}")
    for rows in result.partitions(AT_ONCE):
        columns.add(rows)
    return columns.table()
