"""Where labels come from: the table or file of `[labels]`, and what callers sent to a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder

from shipworthy import clock, digest
from shipworthy.contract.records import Labels
from shipworthy.errors import WrongUse
from shipworthy.monitoring.stored import INSTANT
from shipworthy.predictions.label_files import LabelReader
from shipworthy.predictions.label_log import Label
from shipworthy.store.querying import as_it_is, quoted


class Read(NamedTuple):
    """What a source had to say since it was asked last."""

    # key, target, known, and taken where it is told; of several with one key and one time, the later ones are newer
    rows: pa.Table
    replaces: bool  # the rows are all there is; else they are added to what was read before


class LabelSource(Protocol):
    """Where labels come from."""

    version: str  # of what was read last; "" before anything was there

    def fresh(self) -> Read | None:
        """What has changed since the last call; None where nothing has."""
        ...


def open_source(labels: Labels, project: Path) -> LabelSource:
    """The source that the contract names; a path is relative to the project. WrongUse for a kind that is not read."""
    location = labels.location if "://" in labels.location else str(project / labels.location)
    if labels.kind == "delta":
        return _Delta(location, labels)
    if labels.kind == "file":
        return _File(Path(location), labels)
    raise WrongUse(f"labels.source = {labels.kind}:{labels.location}: expected delta: or file: to join labels from")


class _Delta:
    """A Delta table that is appended to. What was rewritten counts as added, which costs time but changes nothing."""

    def __init__(self, location: str, labels: Labels) -> None:
        self._location, self._labels = location, labels
        self._table: DeltaTable | None = None
        self._read: set[str] = set()
        self.version = ""

    def fresh(self) -> Read | None:
        table = as_it_is(self._table, self._location)
        if table is None:
            return None  # nothing has become known yet
        self._table = table
        if str(table.version()) == self.version:
            return None
        _require([field.name for field in table.schema().fields], self._labels)
        files = set(table.file_uris())
        read = self._changes(table, files)
        self._read, self.version = files, str(table.version())
        return read

    def _changes(self, table: DeltaTable, files: set[str]) -> Read | None:
        plain = not table.metadata().partition_columns and "://" not in self._location
        if not plain or not self._read <= files:
            return Read(_cleaned(self._everything(table), self._labels), replaces=True)
        columns = _columns(self._labels)
        added = sorted(files - self._read, key=_written)
        parts = [pq.read_table(file, columns=columns, partitioning=None) for file in added]
        if not parts:
            return None
        return Read(_cleaned(pa.concat_tables(parts, promote_options="permissive"), self._labels), replaces=False)

    def _everything(self, table: DeltaTable) -> pa.Table:
        """By a query, which knows of partitions and deleted rows."""
        query = f"SELECT {quoted(_columns(self._labels))} FROM labels"  # noqa: S608 - quoted
        return pa.table(QueryBuilder().register("labels", table).execute(query).read_all())


class Posted:
    """Labels that callers sent to a server."""

    def __init__(self, folder: Path) -> None:
        self._reader = LabelReader(folder)
        self.version = ""

    def fresh(self) -> Read | None:
        """What has come since."""
        labels, replaces = self._reader.fresh()
        self.version = str(self._reader.bytes) if self._reader.bytes else ""
        if not labels and not replaces:
            return None
        labels.sort(key=lambda one: one.rank)  # so that the last of a key is the truth, whichever file it stood in
        known = pa.array([label.known for label in labels], pa.int64()).cast(INSTANT)
        columns = {
            "key": pa.array([one.key for one in labels], pa.string()),
            "target": _values(labels),
            "known": known,
            "taken": pa.array([one.taken for one in labels], pa.int64()),
        }
        return Read(pa.table(columns), replaces)


def _values(labels: Sequence[Label]) -> pa.Array[Any]:
    try:
        return pa.array([label.value for label in labels])
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # of releases whose classes are of different types
        return pa.array([str(label.value) for label in labels])


class _File:
    """A Parquet or CSV file, read again whenever its bytes have changed."""

    def __init__(self, path: Path, labels: Labels) -> None:
        self._path, self._labels = path, labels
        self.version = ""

    def fresh(self) -> Read | None:
        if not self._path.is_file():
            return None
        version = digest.of_file(self._path)[:16]
        if version == self.version:
            return None
        read = csv.read_csv if self._path.suffix == ".csv" else pq.read_table
        rows = _cleaned(read(self._path), self._labels)
        self.version = version
        return Read(rows, replaces=True)


def _written(file: str) -> tuple[float, str]:
    return Path(file).stat().st_mtime, file


def _columns(labels: Labels) -> list[str]:
    return [labels.key, labels.target, *([labels.time] if labels.time else [])]


def _require(found: Sequence[str], labels: Labels) -> None:
    wanted = _columns(labels)
    missing = [name for name in wanted if name not in found]
    if missing:
        raise WrongUse(
            f"labels {labels.location}: expected the columns {', '.join(wanted)}; there is no {missing[0]} "
            f"among {', '.join(found)}"
        )


def _cleaned(rows: pa.Table, labels: Labels) -> pa.Table:
    """Columns key, target and known, without rows that have no key or no label."""
    _require(rows.column_names, labels)
    known: Any = _instants(rows[labels.time]) if labels.time else pa.nulls(rows.num_rows, INSTANT)
    key: Any = rows[labels.key].cast(pa.string())
    target: Any = rows[labels.target]
    valid: Any = pc.and_(pc.is_valid(key), pc.is_valid(target))
    return pa.table({"key": key, "target": target, "known": known}).filter(valid)


def _instants(column: Any) -> Any:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        instants = [None if text is None else clock.from_iso(text) for text in column.to_pylist()]
        return pa.array(instants, pa.int64()).cast(INSTANT)
    if not pa.types.is_timestamp(column.type) and not pa.types.is_date(column.type):
        raise WrongUse(f"labels.time: expected a column of timestamps, it holds {column.type}")
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = column.cast(pa.timestamp(column.type.unit, tz="UTC"))
    return column.cast(INSTANT)
