"""A table of predictions, read a part at a time: a Delta table, a Parquet file, or a folder of such.

Fields of a struct stand beside the other columns under their own names, as `features` of a recorded table does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from shipworthy import digest
from shipworthy.contract.sources import SOURCE
from shipworthy.errors import NotFound, WrongUse
from shipworthy.scoring.rows import Rows

_PART = 65_536  # rows


class Log:
    """What there is to read. `missing` gathers, while it is read, which files lack which columns."""

    def __init__(self, location: str) -> None:
        """`location`: "delta:PATH", "delta:PATH@VERSION", "file:PATH" or a path. NotFound, WrongUse."""
        self.location = location
        path, version = _place(location)
        try:
            self._rows = Rows(path, version)
        except DeltaError as error:
            raise NotFound(f"{location} cannot be read: {' '.join(str(error).split())}") from None
        if not self._rows.count:
            raise WrongUse(f"{location} has no rows: expected a table of predictions")
        self.identity, self.rows = self._rows.identity, self._rows.count
        self._homes = _homes(self._rows.schema)
        self.schema = pa.schema([pa.field(name, kind) for name, (_, _, kind) in self._homes.items()])
        self.missing: dict[str, tuple[str, int]] = {}  # column -> first file without it, rows without it

    def parts(self, columns: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
        """Files and some of their rows, with exactly these columns; one that a file has not is null there."""
        homes = {name: self._homes[name] for name in columns}
        tops = list(dict.fromkeys(top for top, _, _ in homes.values()))
        for file, part in self._rows.parts(tops, _PART):
            found = {name: _column(part, top, field) for name, (top, field, _) in homes.items()}
            for name, column in found.items():
                if column is None:
                    first, rows = self.missing.get(name, (file, 0))
                    self.missing[name] = (first, rows + part.num_rows)
            arrays = {name: pa.nulls(part.num_rows) if one is None else one for name, one in found.items()}
            yield file, pa.table(arrays)


def digest_of(log: Log) -> str:
    """What the log is, in few characters: another version or another byte is another one."""
    return digest.of_value(log.identity)[:12]


def _place(location: str) -> tuple[str, int | None]:
    head, colon, rest = location.partition(":")
    if not colon or rest.startswith("//") or head not in ("delta", "file", "dvc", "sql"):
        return location, None
    if head in ("dvc", "sql"):
        raise WrongUse(
            f"--log {location}: expected delta:PATH, or Parquet; export the {head}: source to Parquet before"
        )
    try:
        source = SOURCE.take(location)
    except ValueError as error:
        raise WrongUse(f"--log {location}: expected delta:PATH, delta:PATH@VERSION or file:PATH ({error})") from None
    return source.location, source.version


def _homes(schema: pa.Schema) -> dict[str, tuple[str, str | None, pa.DataType]]:
    """Name -> column of the file, field in it where that is a struct, and type."""
    plain: dict[str, tuple[str, str | None, pa.DataType]] = {
        field.name: (field.name, None, field.type) for field in schema if not pa.types.is_struct(field.type)
    }
    for field in schema:
        if pa.types.is_struct(field.type):
            for inner in _fields(field.type):
                name = inner.name if inner.name not in plain else f"{field.name}.{inner.name}"
                plain[name] = (field.name, inner.name, inner.type)
    return plain


def _fields(kind: Any) -> list[pa.Field[Any]]:
    return [kind.field(index) for index in range(kind.num_fields)]


def _column(part: pa.Table, top: str, field: str | None) -> Any:
    if top not in part.column_names:
        return None
    column: Any = part[top]
    if field is None:
        return column
    if field not in [inner.name for inner in _fields(column.type)]:
        return None
    return pc.struct_field(column, field)
