"""`delta:` sources: a pinned version of a Delta table, identified by its log entry and the bytes of its files.

The files are read one by one, in the order of their names, so that a version gives its rows in one order on every
machine. `DeltaTable.to_pyarrow_table()` is not used: it has been seen to abort when the interpreter ends.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from shipworthy import digest
from shipworthy.errors import NotFound, Undecided, WrongUse
from shipworthy.store.objects import File, Objects
from shipworthy.training.files import joined

# Without reading these, rows that were deleted would come back, or columns have the wrong names.
UNREADABLE = frozenset({"deletionVectors", "columnMapping"})
SCHEMES = ("file", "s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")  # of which both readers here know

_MARKS = re.compile(r"\x1b\[[0-9;]*m|↳")  # that the library paints its errors with


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a table, as it was read."""

    table: str  # the table's own id
    version: int
    digest: str  # of table id, version, log entry and every file's sha256
    rows: pa.Table
    files: tuple[File, ...]  # kept copies; () unless asked for


def read(location: str, version: int | None, keep: Objects | None = None) -> Version:
    """A version, the newest unless one is named; with `keep`, its rows are copied there.

    NotFound where there is no such table or version; WrongUse where it is of a kind that cannot be read; Undecided
    where its files are gone or the place cannot be reached.
    """
    table = opened(location, version)
    _refuse_unreadable(table, location)
    where = store_of(location)
    parts: list[pa.Table] = []
    shas: list[tuple[str, str]] = []
    for path, values in _files(table):
        content = _bytes(where, path, location, table.version())
        shas.append((path, digest.of_bytes(content)))
        parts.append(_with_partition(pq.ParquetFile(pa.BufferReader(content)).read(), values, table))
    rows = joined(parts, f"the files of {location}") if parts else _schema(table).empty_table()
    sha = _digest(table, where, shas)
    return Version(str(table.metadata().id), table.version(), sha, rows, _kept(rows, keep) if keep is not None else ())


def first_rows(location: str, version: int | None, most: int) -> pa.Table:
    """The first rows of a version, in the order of its files; the others' files are not read. Errors as of `read`."""
    table = opened(location, version)
    _refuse_unreadable(table, location)
    where = store_of(location)
    parts: list[pa.Table] = []
    for path, values in _files(table):
        content = _bytes(where, path, location, table.version())
        parts.append(_with_partition(pq.ParquetFile(pa.BufferReader(content)).read(), values, table))
        if sum(part.num_rows for part in parts) >= most:
            break
    return joined(parts, f"the files of {location}").slice(0, most) if parts else _schema(table).empty_table()


def read_kept(files: tuple[File, ...], objects: Objects) -> pa.Table:
    """The rows of a version from their kept copy."""
    return joined([pq.ParquetFile(pa.BufferReader(objects.get(file.digest))).read() for file in files], "the kept rows")


def _kept(rows: pa.Table, objects: Objects) -> tuple[File, ...]:
    """The rows as one file: the table's own files would need its log to be read."""
    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, compression="zstd")
    content = buffer.getvalue().to_pybytes()
    return (File("rows.parquet", objects.put(content), len(content)),)


def opened(location: str, version: int | None) -> DeltaTable:
    """A table at a version, the newest unless one is named. NotFound, WrongUse, Undecided."""
    scheme, url, _ = location.partition("://")
    if url and scheme not in SCHEMES:
        raise WrongUse(f"{location}: a Delta table is read from a folder, s3://, gs:// or az://, not from {scheme}://")
    try:
        return DeltaTable(location, version=version)
    except TableNotFoundError:
        raise NotFound(
            f"{location} is no Delta table: expected what holds a _delta_log; where the table was moved, the "
            "contract's source has to name its new place"
        ) from None
    except DeltaError as error:
        what = "cannot be read" if version is None else f"has no version {version} that can be read{_newest(location)}"
        raise NotFound(f"{location} {what}: {_said(error)}") from None
    except OSError as error:
        raise Undecided(f"could not decide: {location} cannot be reached: {_said(error)}") from None


def _newest(location: str) -> str:
    """What to name instead of a version that there is none of; "" where that cannot be told."""
    try:
        return f" (the newest is {DeltaTable(location).version()})"
    except (DeltaError, OSError):
        return ""


def paths(table: DeltaTable) -> list[str]:
    """The files of a table's version, relative to it."""
    return [path for path, _ in _files(table)]


def _said(error: Exception) -> str:
    """On one line, without colours."""
    return " ".join(_MARKS.sub(" ", str(error)).split())


def _refuse_unreadable(table: DeltaTable, location: str) -> None:
    found = UNREADABLE.intersection(table.protocol().reader_features or ())
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        found |= {"columnMapping"}  # tables of reader version 2 have no list of features
    if found:
        raise WrongUse(
            f"{location} uses {', '.join(sorted(found))}, which is not read here; rewrite it without, or name an "
            "export of it as a file: source"
        )


def _files(table: DeltaTable) -> list[tuple[str, dict[str, Any]]]:
    """Paths relative to the table, each with its partition's values, in the order of paths."""
    actions: Any = pa.table(table.get_add_actions(flatten=True))
    names = table.metadata().partition_columns
    found = [(str(row["path"]), {name: row[f"partition.{name}"] for name in names}) for row in actions.to_pylist()]
    return sorted(found, key=lambda each: each[0])


def _bytes(store: ObjectStore, path: str, location: str, version: int) -> bytes:
    for name in (path, unquote(path)):
        try:
            return bytes(obstore.get(store, name).bytes())
        except FileNotFoundError:
            continue
    raise Undecided(f"could not decide: the data is gone: {location} no longer has {path} of version {version}")


def _with_partition(part: pa.Table, values: dict[str, Any], table: DeltaTable) -> pa.Table:
    schema = _schema(table)
    for name, value in values.items():
        if name not in part.column_names:
            part = part.append_column(name, _repeated(value, schema.field(name).type, part.num_rows))
    for field in schema:
        if field.name not in part.column_names:  # added to the table after this file was written
            part = part.append_column(field.name, _repeated(None, field.type, part.num_rows))
    return part.select(schema.names).cast(schema)


def _repeated(value: Any, kind: pa.DataType, rows: int) -> pa.Array[Any]:
    scalar: Any = pa.scalar(None, kind) if value is None else pa.scalar(value).cast(kind)
    repeated: pa.Array[Any] = pa.repeat(scalar, rows)
    return repeated


def _schema(table: DeltaTable) -> pa.Schema:
    exported: Any = table.schema().to_arrow()
    return pa.schema(exported)


def _digest(table: DeltaTable, store: ObjectStore, shas: list[tuple[str, str]]) -> str:
    entry = f"_delta_log/{table.version():020d}.json"
    try:
        log = hashlib.sha256(bytes(obstore.get(store, entry).bytes())).hexdigest()
    except FileNotFoundError:  # cleaned away once a checkpoint stood for it
        log = None
    return digest.of_value(["delta 1", str(table.metadata().id), table.version(), log, shas])


def store_of(location: str) -> ObjectStore:
    """Where a table's files are."""
    return from_url(location) if "://" in location else LocalStore(Path(location).resolve())
