"""What SQLite and PostgreSQL say of a column's type, beyond the values that their drivers hand over."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

# By the numbers that PostgreSQL gives its own types (pg_type.dat), which never change.
_POSTGRESQL: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    18: pa.string(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    25: pa.string(),
    114: pa.string(),
    700: pa.float64(),
    701: pa.float64(),
    1042: pa.string(),
    1043: pa.string(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", tz="UTC"),
    1186: pa.duration("us"),
    2950: pa.string(),
    3802: pa.string(),
}
_NUMERIC = 1700


def postgresql(description: Any) -> dict[str, pa.DataType]:
    """The types of the columns of psycopg's cursor, so that one without a value has its own too."""
    found: dict[str, pa.DataType] = {}
    for column in description:
        if column.type_code == _NUMERIC and column.precision and 0 <= (column.scale or 0) <= column.precision <= 38:
            found[column.name] = pa.decimal128(column.precision, column.scale or 0)
        elif column.type_code in _POSTGRESQL:
            found[column.name] = _POSTGRESQL[column.type_code]
    return found


def register_sqlite() -> None:
    """Have SQLite's values come as what their column was declared to be, on connections that ask for it.

    SQLite itself knows numbers, texts and bytes only. What is not written as declared comes as it is stored.
    """
    for names, convert in _SQLITE:
        for name in names:
            sqlite3.register_converter(name, _or_as_stored(convert))


def _boolean(text: str) -> bool:
    return {"0": False, "1": True, "false": False, "true": True}[text.lower()]


def _date(text: str) -> date:
    return date.fromisoformat(_dashed(text))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(_dashed(text))


def _dashed(text: str) -> str:
    """ISO 8601 without dashes could as well be a number of seconds or days."""
    if text[4:5] != "-":
        raise ValueError
    return text


_SQLITE: tuple[tuple[tuple[str, ...], Callable[[str], Any]], ...] = (
    (("BOOL", "BOOLEAN"), _boolean),
    (("DATE",), _date),
    (("DATETIME", "TIMESTAMP", "TIMESTAMPTZ"), _instant),
    (("TIME",), time.fromisoformat),
    (("DECIMAL", "NUMERIC"), Decimal),
)


def _or_as_stored(convert: Callable[[str], Any]) -> Callable[[bytes], Any]:
    def converted(content: bytes) -> Any:
        text = content.decode()
        for attempt in (convert, int, float):
            try:
                return attempt(text)
            except (ValueError, KeyError, ArithmeticError):
                continue
        return text

    return converted
