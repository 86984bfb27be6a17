"""`sql:` sources with a real PostgreSQL: its own types, its password, its cursors."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import quote

import postgresql
import psycopg
import pytest

from shipworthy.contract.records import DataSource
from shipworthy.errors import WrongUse
from shipworthy.store.objects import Objects
from shipworthy.training import sql
from shipworthy.training.sources import read, reread

pytestmark = pytest.mark.needs("pg_ctlcluster")

TABLE = """
CREATE TABLE flights (
    id bigint, late boolean, fare numeric(10, 2), loose numeric, day date, at timestamp, seen timestamptz, delay real,
    carrier text, code char(3), key uuid, tags jsonb, names text[], raw bytea, clock time, lasts interval,
    never numeric(6, 1)
)
"""
FIRST = (
    "1, true, 199.9, 0.125, '2024-02-29', '2024-02-29 12:30', '2024-02-29 12:30+02', 1.5, 'A%A', 'ab', "
    "'123e4567-e89b-12d3-a456-426614174000', '{\"a\": [1, null]}', '{x,NULL}', '\\x00ff', '12:30', '1 day 2 h', NULL"
)


@pytest.fixture(scope="module")
def port():
    with postgresql.server() as found:
        with psycopg.connect(host="127.0.0.1", port=found, user="postgres", password=postgresql.PASSWORD) as connection:
            connection.execute(TABLE)
            connection.execute(f"INSERT INTO flights VALUES ({FIRST})")
            connection.execute("INSERT INTO flights (id) SELECT generate_series(2, 50000)")
        yield found


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PASSWORD", postgresql.PASSWORD)


@pytest.fixture
def objects(tmp_path):
    return Objects(tmp_path / "objects")


def source(port: int, query: str, user: str = "postgres") -> DataSource:
    url = f"postgresql://{user}:${{WAREHOUSE_PASSWORD}}@127.0.0.1:{port}/postgres"
    return DataSource(name="flights", kind="sql", location=url, query=query)


def test_every_type_comes_as_what_it_is(tmp_path, objects, port):
    found = read(source(port, "SELECT * FROM flights ORDER BY id"), tmp_path, objects)
    types = {field.name: str(field.type) for field in found.rows.schema}
    assert types == {
        "id": "int64",
        "late": "bool",
        "fare": "decimal128(10, 2)",
        "loose": "decimal128(38, 3)",
        "day": "date32[day]",
        "at": "timestamp[us]",
        "seen": "timestamp[us, tz=UTC]",
        "delay": "double",
        "carrier": "string",
        "code": "string",
        "key": "string",
        "tags": "string",
        "names": "string",
        "raw": "binary",
        "clock": "time64[us]",
        "lasts": "duration[us]",
        "never": "decimal128(6, 1)",
    }
    assert found.rows.slice(0, 1).to_pylist() == [
        {
            "id": 1,
            "late": True,
            "fare": Decimal("199.90"),
            "loose": Decimal("0.125"),
            "day": date(2024, 2, 29),
            "at": datetime.fromisoformat("2024-02-29 12:30"),
            "seen": datetime(2024, 2, 29, 10, 30, tzinfo=UTC),
            "delay": 1.5,
            "carrier": "A%A",
            "code": "ab ",
            "key": "123e4567-e89b-12d3-a456-426614174000",
            "tags": '{"a":[1,null]}',
            "names": '["x",null]',
            "raw": b"\x00\xff",
            "clock": time(12, 30),
            "lasts": timedelta(days=1, hours=2),
            "never": None,
        }
    ]
    assert found.rows["id"].to_pylist() == list(range(1, 50_001))
    assert reread(found.pin, tmp_path, objects).equals(found.rows)


def test_a_table_without_rows_has_the_types_of_one_with_rows(tmp_path, objects, port):
    found = read(source(port, "SELECT * FROM flights WHERE id < 0"), tmp_path, objects).rows
    full = read(source(port, "SELECT * FROM flights WHERE id = 1"), tmp_path, objects).rows
    unlike = {name for name in full.column_names if found.schema.field(name) != full.schema.field(name)}
    assert unlike == {"loose", "names"}  # of which PostgreSQL says neither how many digits nor which members


def test_a_query_with_signs_of_its_own_is_taken_as_it_is_written(tmp_path, objects, port):
    query = "SELECT id::int, carrier FROM flights WHERE carrier LIKE '%\\%%' AND ':x' <> '%s'"
    assert read(source(port, query), tmp_path, objects).rows.to_pylist() == [{"id": 1, "carrier": "A%A"}]


@pytest.mark.parametrize(
    "query", ["DELETE FROM flights RETURNING id", "CREATE TABLE x AS SELECT 1", "DROP TABLE flights"]
)
def test_a_query_changes_nothing(tmp_path, objects, port, query):
    with pytest.raises(WrongUse):
        read(source(port, query), tmp_path, objects)
    count = read(source(port, "SELECT count(*) AS n FROM flights"), tmp_path, objects).rows
    assert count.to_pylist() == [{"n": 50_000}]


def test_a_number_that_no_decimal_holds_is_told(tmp_path, objects, port):
    with pytest.raises(WrongUse, match=r"column 'x' holds decimals that cannot be kept.*NaN"):
        read(source(port, "SELECT 'NaN'::numeric AS x"), tmp_path, objects)


def test_no_password_is_in_any_message_or_record(tmp_path, objects, port, monkeypatch):
    pin = read(source(port, "SELECT 1 AS x"), tmp_path, objects).pin
    assert postgresql.PASSWORD not in repr(pin)
    with pytest.raises(WrongUse, match=r"cannot be read: .*password authentication failed") as error:
        read(source(port, "SELECT 1 AS x", user="nobody"), tmp_path, objects)
    whole = f"postgresql://postgres:{quote(postgresql.PASSWORD, safe='')}@127.0.0.1:1/postgres"
    monkeypatch.setenv("WAREHOUSE", whole)
    with pytest.raises(WrongUse, match=r"sql:\$\{WAREHOUSE\} cannot be read: .*refused") as unreachable:
        read(DataSource(name="x", kind="sql", location="${WAREHOUSE}", query="SELECT 1"), tmp_path, objects)
    for told in (error, unreachable):
        assert postgresql.PASSWORD not in str(told.value)
        assert quote(postgresql.PASSWORD, safe="") not in str(told.value)
        assert told.value.__cause__ is None


def test_rows_are_fetched_as_they_are_needed(tmp_path, objects, port, monkeypatch):
    """Not all at once: the last chunk fails, and those before it had come by then."""
    monkeypatch.setattr(sql, "AT_ONCE", 100)
    seen: list[int] = []
    monkeypatch.setattr(sql.Columns, "add", lambda self, rows: seen.append(len(rows)))
    with pytest.raises(WrongUse, match="division by zero"):
        read(source(port, "SELECT 1 / (2000 - n) AS x FROM generate_series(1, 2000) AS n"), tmp_path, objects)
    assert sum(seen) > 1000
