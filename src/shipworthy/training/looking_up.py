"""Rows of a source by their ids, read in batches: nothing is kept, and no more is held than what was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import QueryBuilder

from shipworthy.contract.records import DataSource
from shipworthy.errors import NotFound, WrongUse
from shipworthy.store.objects import Objects
from shipworthy.store.querying import quoted, without_views
from shipworthy.training import delta, files, sources

_BATCH = 100_000  # rows


def state(source: DataSource, project: Path) -> str | None:
    """Something that changes when the source's rows do; None where only reading it tells. NotFound, WrongUse."""
    if source.kind == "delta":
        return f"version {delta.opened(sources.located(project, source.location), None).version()}"
    if source.kind == "sql":
        return None
    found = [(path, path.stat()) for path in files.inside(project / source.location)]
    if not found and source.kind == "dvc":  # it may be in DVC's cache alone
        return None
    if not found:
        raise NotFound(f"{source.kind}:{source.location} holds no file that can be read")
    newest = max(stat.st_mtime_ns for _, stat in found)
    return f"{len(found)} files, {sum(stat.st_size for _, stat in found)} bytes, {newest}"


def look_up(
    source: DataSource, project: Path, objects: Objects, columns: Sequence[str], ids: pa.StringArray
) -> pa.Table:
    """The rows whose `source.id` is one of the ids, with the columns; the id as text.

    NotFound where the source is not there; WrongUse where it cannot be read, lacks a column, or has no such ids.
    """
    wanted = list(dict.fromkeys([str(source.id), *columns]))
    parts: list[pa.Table] = []
    for batch in _batches(source, project, objects, wanted):
        missing = [name for name in wanted if name not in batch.column_names]
        if missing:
            named = ", ".join(batch.column_names)
            raise WrongUse(f"the training source has no column {', '.join(missing)}; there are {named}")
        rows = batch.select(wanted)
        texts = _texts(rows[str(source.id)], str(source.id))
        there: Any = pc.is_in(texts, value_set=ids)
        parts.append(rows.set_column(0, str(source.id), texts).filter(there))
    return files.joined(parts, f"the rows of {source.name}")


def _batches(source: DataSource, project: Path, objects: Objects, wanted: Sequence[str]) -> Iterator[pa.Table]:
    paths = files.inside(project / source.location) if source.kind in ("file", "dvc") else []
    if source.kind == "delta":
        yield from _of_delta(sources.located(project, source.location), wanted)
    elif paths:
        for path in paths:
            yield from _of_file(path, wanted)
    else:
        yield sources.read(source.newest, project, objects).rows


def _of_delta(location: str, wanted: Sequence[str]) -> Iterator[pa.Table]:
    """By a query, which knows of partitions and deleted rows."""
    table = delta.opened(location, None)
    there = [field.name for field in table.schema().fields]
    if not set(wanted) <= set(there):
        yield pa.table({name: [] for name in there})  # what is missing is said by whoever looks
        return
    query = f"SELECT {quoted(wanted)} FROM source"  # noqa: S608 - quoted
    reader: Any = pa.RecordBatchReader.from_stream(QueryBuilder().register("source", table).execute(query))
    yield without_views(reader.schema.empty_table())
    for batch in reader:
        yield without_views(pa.Table.from_batches([batch]))


def _of_file(path: Path, wanted: Sequence[str]) -> Iterator[pa.Table]:
    if path.suffix != ".parquet":
        yield files.parsed(path.name, path.read_bytes())
        return
    parquet = pq.ParquetFile(path)
    there = [name for name in wanted if name in parquet.schema_arrow.names]
    if len(there) < len(wanted):
        yield parquet.schema_arrow.empty_table()  # what is missing is said by whoever looks
        return
    for batch in parquet.iter_batches(_BATCH, columns=there):
        yield pa.Table.from_batches([batch])


def _texts(column: Any, name: str) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type) or pa.types.is_nested(column.type):
        raise WrongUse(f"the column {name} holds {column.type}: expected texts or whole numbers, as callers send ids")
    return column.cast(pa.string())
