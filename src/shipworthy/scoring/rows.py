"""The rows to score: a Delta table's version or Parquet files, in one order and in chunks of one size every time.

So a job that was killed can go on at the chunk where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from obstore.store import ObjectStore, from_url

from shipworthy import digest
from shipworthy.errors import NotFound, WrongUse

# Without reading these, rows that were deleted would come back, or columns have the wrong names.
_UNREADABLE = frozenset({"deletionVectors", "columnMapping"})
_BATCH = 16_384  # rows decoded at a time


@dataclass(frozen=True, slots=True)
class _File:
    path: str  # relative to the store, or a local path where there is none
    constants: dict[str, Any]  # values of partition columns, which stand in no file


class Rows:
    """A table to score. `identity` names its rows: another version or another byte is another one."""

    def __init__(self, location: str, version: int | None = None) -> None:
        """`location` is a Delta table (its newest version unless one is named), a Parquet file or a folder of such.

        NotFound, WrongUse.
        """
        self._store: ObjectStore | None = None
        if "://" in location or (Path(location) / "_delta_log").is_dir():
            self.identity, self.schema, self._files = self._of_delta(location, version)
        else:
            self.identity, self.schema, self._files = _of_parquet(Path(location))
        self._counts = [self._open(file).metadata.num_rows for file in self._files]
        self.location = location
        self.count = sum(self._counts)

    def chunks(self, size: int, skipped: int = 0) -> Iterator[pa.Table]:
        """Tables of `size` rows, the last one of what is left; the first `skipped` of them are not read."""
        waiting: list[pa.Table] = []
        held = 0
        for batch in self._batches(skipped * size):
            waiting.append(batch)
            held += batch.num_rows
            while held >= size:
                whole = pa.concat_tables(waiting)
                yield whole.slice(0, size)
                waiting, held = [whole.slice(size)], held - size
        if held:
            yield pa.concat_tables(waiting)

    def parts(self, columns: Sequence[str], size: int = _BATCH) -> Iterator[tuple[str, pa.Table]]:
        """Those of the named columns that a file has, a part of at most `size` rows at a time, beside the file's name.

        Types are the file's own: whoever reads decides what a change of them means.
        """
        for file in self._files:
            source = self._open(file)
            there = [name for name in columns if name in source.schema_arrow.names]
            constant = [name for name in columns if name in file.constants]
            for batch in source.iter_batches(size, columns=there):
                part = pa.Table.from_batches([batch])
                for name in constant:
                    kind = self.schema.field(name).type
                    part = part.append_column(name, _repeated(file.constants[name], kind, batch.num_rows))
                yield file.path, part

    def _batches(self, start: int) -> Iterator[pa.Table]:
        """All rows from position `start` on, a part at a time."""
        for file, count in zip(self._files, self._counts, strict=True):
            if start >= count:
                start -= count
                continue
            for batch in self._open(file).iter_batches(_BATCH):
                part = batch.slice(min(start, batch.num_rows))
                start -= batch.num_rows - part.num_rows
                if part.num_rows:
                    yield self._conformed(pa.Table.from_batches([part]), file)

    def _conformed(self, part: pa.Table, file: _File) -> pa.Table:
        for field in self.schema:
            if field.name not in part.column_names:  # of the partition, or added after this file was written
                part = part.append_column(field, _repeated(file.constants.get(field.name), field.type, part.num_rows))
        try:
            return part.select(self.schema.names).cast(self.schema)
        except pa.ArrowInvalid as error:
            raise WrongUse(f"{file.path} of {self.location} holds other types than the files before: {error}") from None

    def _open(self, file: _File) -> pq.ParquetFile:
        if self._store is None:
            return pq.ParquetFile(file.path)
        reader: Any = obstore.open_reader(self._store, file.path)
        return pq.ParquetFile(pa.PythonFile(reader, mode="r"))

    def _of_delta(self, location: str, version: int | None) -> tuple[str, pa.Schema, list[_File]]:
        try:
            table = DeltaTable(location, version=version)
        except TableNotFoundError:
            raise NotFound(f"{location} is no Delta table") from None
        unreadable = _UNREADABLE.intersection(table.protocol().reader_features or ())
        if unreadable:
            raise WrongUse(
                f"{location} uses {', '.join(sorted(unreadable))}, which is not read here; rewrite it without, or "
                "score an export of it in Parquet"
            )
        schema: Any = table.schema().to_arrow()
        actions: Any = pa.table(table.get_add_actions(flatten=True))
        names = table.metadata().partition_columns
        if "://" in location:
            self._store = from_url(location)
        root = "" if self._store is not None else f"{location.rstrip('/')}/"
        files = [
            _File(root + unquote(row["path"]), {name: row[f"partition.{name}"] for name in names})
            for row in actions.to_pylist()
        ]
        identity = digest.of_value(["delta", str(table.metadata().id), table.version()])
        return identity, _storable(pa.schema(schema)), sorted(files, key=lambda file: file.path)


def _repeated(value: Any, kind: pa.DataType, rows: int) -> pa.Array[Any]:
    scalar: Any = pa.scalar(None, kind) if value is None else pa.scalar(value).cast(kind)
    repeated: pa.Array[Any] = pa.repeat(scalar, rows)
    return repeated


def _of_parquet(path: Path) -> tuple[str, pa.Schema, list[_File]]:
    paths = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not paths or not paths[0].is_file():
        raise NotFound(f"{path} is neither a Delta table nor Parquet: expected a table's folder, or *.parquet")
    try:
        schema = pq.read_schema(paths[0])
    except pa.ArrowInvalid as error:
        raise WrongUse(f"{paths[0]} is no Parquet file: {error}") from None
    identity = digest.of_value(["parquet", [[file.name, digest.of_file(file)] for file in paths]])
    return identity, _storable(schema), [_File(str(file), {}) for file in paths]


def _storable(schema: pa.Schema) -> pa.Schema:
    """The same columns in types that Delta has."""
    return pa.schema([pa.field(field.name, _storable_type(field.type)) for field in schema])


def _storable_type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.DictionaryType):
        return _storable_type(kind.value_type)
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz=kind.tz and "UTC")
    if pa.types.is_unsigned_integer(kind) or pa.types.is_float16(kind):
        return pa.int64() if pa.types.is_unsigned_integer(kind) else pa.float32()
    return kind
