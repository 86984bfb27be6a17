"""`sql:` sources with a SQLite file: kept on use, typed as declared, and no secret told."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.store.objects import Objects
from shipworthy.training import sql
from shipworthy.training.rebuild import rebuild
from shipworthy.training.sources import read, reread, same

SCHEMA = """
CREATE TABLE flights (
    id INTEGER, late BOOLEAN, fare DECIMAL(8, 2), day DATE, at TIMESTAMP, seen DATETIME, delay REAL, carrier TEXT,
    raw BLOB, loose NUMERIC
)
"""
ROWS = [
    (1, 1, "199.95", "2024-02-29", "2024-02-29 12:30:00.5", "2024-01-01T00:00:00+02:00", 1.5, "AA", b"\x00", 1),
    (2, None, None, None, None, None, None, None, None, None),
    (3, 0, 7, "2024-03-01", "2024-03-01", "2024-06-01 00:00:00Z", -2, "It's 5% of a:b", b"", 2.25),
]


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path / "objects")


@pytest.fixture
def database(tmp_path: Path):
    connection = sqlite3.connect(tmp_path / "warehouse.db")
    connection.execute(SCHEMA)
    connection.executemany(f"INSERT INTO flights VALUES ({', '.join('?' * 10)})", ROWS)
    connection.commit()
    yield connection
    connection.close()


def source(query: str = "SELECT * FROM flights", url: str = "sqlite:///warehouse.db") -> DataSource:
    return DataSource(name="flights", kind="sql", location=url, query=query)


def test_rows_come_as_their_columns_were_declared(tmp_path, objects, database):
    rows = read(source(), tmp_path, objects).rows
    assert {field.name: str(field.type) for field in rows.schema} == {
        "id": "int64",
        "late": "bool",
        "fare": "decimal128(38, 2)",
        "day": "date32[day]",
        "at": "timestamp[us]",
        "seen": "timestamp[us, tz=UTC]",
        "delay": "double",
        "carrier": "string",
        "raw": "binary",
        "loose": "decimal128(38, 2)",
    }
    assert rows["late"].to_pylist() == [True, None, False]
    assert rows["fare"].to_pylist() == [Decimal("199.95"), None, Decimal("7.00")]
    assert rows["day"].to_pylist() == [date(2024, 2, 29), None, date(2024, 3, 1)]
    assert rows["at"].to_pylist() == [
        datetime.fromisoformat("2024-02-29 12:30:00.5"),
        None,
        datetime.fromisoformat("2024-03-01"),
    ]
    assert rows["seen"].to_pylist()[0] == datetime(2023, 12, 31, 22, tzinfo=UTC)


def test_the_database_is_needed_once(tmp_path, objects, database):
    found = read(source(), tmp_path, objects)
    assert (found.pin.query, found.pin.location) == ("SELECT * FROM flights", "sqlite:///warehouse.db")
    database.close()
    (tmp_path / "warehouse.db").unlink()
    assert reread(found.pin, tmp_path, objects).equals(found.rows)


def test_the_same_rows_are_the_same_bytes_and_other_rows_are_not(tmp_path, objects, database):
    first, again = (read(source("SELECT * FROM flights ORDER BY id"), tmp_path, objects).pin for _ in range(2))
    assert first == again
    turned = read(source("SELECT * FROM flights ORDER BY id DESC"), tmp_path, objects).pin
    assert turned.digest != first.digest
    assert same(turned, first)
    database.execute("DELETE FROM flights WHERE id = 2")
    database.commit()
    assert not same(read(source(), tmp_path, objects).pin, first)


def test_a_query_is_taken_as_it_is_written(tmp_path, objects, database):
    query = "SELECT id FROM flights WHERE carrier LIKE '%5\\%%a:b' ESCAPE '\\' -- :no parameter, ? and %s too"
    assert read(source(query), tmp_path, objects).rows["id"].to_pylist() == [3]


def test_no_rows_are_a_table_all_the_same(tmp_path, objects, database):
    rows = read(source("SELECT id, carrier FROM flights WHERE id > 9"), tmp_path, objects).rows
    assert (rows.column_names, rows.num_rows) == (["id", "carrier"], 0)


def test_a_query_changes_nothing(tmp_path, objects, database):
    for query in ("DELETE FROM flights", "DELETE FROM flights RETURNING id", "CREATE TABLE x (y)"):
        with pytest.raises(WrongUse, match=r"readonly database|returns no rows"):
            read(source(query), tmp_path, objects)
    assert database.execute("SELECT count(*) FROM flights").fetchone() == (3,)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nowhere FROM flights", "no such column: nowhere"),
        ("SELECT id, id FROM flights", "two columns are called 'id'"),
        ("SELECT 1 AS x UNION ALL SELECT 'a'", "column 'x' holds text and whole numbers; cast it"),
        ("SELECT 0.5 AS x UNION ALL SELECT 9007199254740993", "column 'x' holds .*9007199254740993 is no float"),
    ],
)
def test_what_is_wrong_with_a_query_is_told(tmp_path, objects, database, query, said):
    with pytest.raises(WrongUse, match=said):
        read(source(query), tmp_path, objects)


def test_values_that_are_not_as_declared_come_as_they_are_stored(tmp_path, objects, database):
    database.execute("UPDATE flights SET at = 1700000000, late = 2")
    database.commit()
    rows = read(source("SELECT at, late FROM flights"), tmp_path, objects).rows
    assert rows.to_pylist()[0] == {"at": 1_700_000_000, "late": 2}


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("sqlite:///nowhere.db", NotFound, "nowhere.db does not exist"),
        ("sqlite://", WrongUse, "expected a database file"),
        ("nosuch://host/db", WrongUse, "SQLAlchemy knows no database 'nosuch'"),
        ("oracle+cx_oracle://host/db", WrongUse, r"needs a driver \(cx_Oracle is not installed\)"),
        ("postgresql://host:${PORT}/db", WrongUse, "a port cannot be a variable"),
        ("${WAREHOUSE_URL}", WrongUse, "environment variable WAREHOUSE_URL is not set"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told(tmp_path, objects, url, error, said):
    with pytest.raises(error, match=said):
        read(source(url=url), tmp_path, objects)
    assert not list(tmp_path.glob("*.db"))


def test_variables_are_filled_in_and_their_values_never_told(tmp_path, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "p@ss:/w?rd")
    monkeypatch.setenv("HOST", "db.example")
    found = sql.found("postgresql://me:${WAREHOUSE_PASSWORD}@${HOST}:6543/db", tmp_path, os.environ)
    assert (found.url.password, found.url.host, found.url.port) == ("p@ss:/w?rd", "db.example", 6543)
    assert found.told("password p@ss:/w?rd is wrong") == "password ${WAREHOUSE_PASSWORD} is wrong"


def test_all_of_a_url_may_be_a_variable(tmp_path, objects, database, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.db'}")
    pin = read(source(url="${WAREHOUSE_URL}"), tmp_path, objects).pin
    assert (pin.location, pin.rows) == ("${WAREHOUSE_URL}", 3)
    found = sql.found("${U}", tmp_path, {"U": "postgresql://me:hunter2@db/x"})
    assert "hunter2" not in found.told("cannot connect as me with hunter2 to postgresql://me:hunter2@db/x")


def test_many_rows_are_read_in_chunks_of_one_type(tmp_path, objects, monkeypatch):
    monkeypatch.setattr(sql, "AT_ONCE", 3)
    engine = create_engine(f"sqlite:///{tmp_path / 'warehouse.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n, d DECIMAL, day TIMESTAMP, empty TEXT)"))
        values = [
            {"n": n if n < 5 else n + 0.5, "d": "1" if n < 5 else "0.125", "day": f"2024-01-0{n + 1}"} for n in range(8)
        ]
        connection.execute(text("INSERT INTO t VALUES (:n, :d, :day, NULL)"), values)
    engine.dispose()
    rows = read(source("SELECT * FROM t"), tmp_path, objects).rows
    assert [str(kind) for kind in rows.schema.types] == ["double", "decimal128(38, 3)", "timestamp[us]", "null"]
    assert rows["n"].to_pylist() == [0, 1, 2, 3, 4, 5.5, 6.5, 7.5]
    assert rows["d"].to_pylist() == [Decimal(1)] * 5 + [Decimal("0.125")] * 3
    assert pa.types.is_null(rows["empty"].type)


def test_a_model_trained_from_a_database_is_rebuilt_without_it(project):
    rows = pq.read_table(project.folder / "data" / "flights.parquet")
    days = [str(day) for day in rows["day"].to_pylist()]
    columns = [rows[name].to_pylist() for name in ("distance", "stops", "wind", "carrier", "late")]
    connection = sqlite3.connect(project.folder / "warehouse.db")
    connection.execute(
        "CREATE TABLE f (distance REAL, stops INT, wind REAL, carrier TEXT, late BOOLEAN, day TIMESTAMP)"
    )
    connection.executemany("INSERT INTO f VALUES (?, ?, ?, ?, ?, ?)", zip(*columns, days, strict=True))
    connection.commit()
    connection.close()
    asked = source("SELECT * FROM f ORDER BY day, distance")
    entry = project.train(
        project.contract("logistic", data=(msgspec.structs.replace(asked, target="late", time="day"),))
    )
    run = entry.decode(Run)
    assert "warehouse.db" not in {file.path for file in run.code.files}
    (project.folder / "warehouse.db").unlink()
    assert rebuild(entry, project.state).decode(Rebuild).rung == "bit-identical"
