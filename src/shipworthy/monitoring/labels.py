"""The truth as it comes back: labels by prediction id or by the caller's own id, the newest for each.

Corrections are appended: of several labels with one key, that which became known last is the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError
from numpy.typing import NDArray

from shipworthy import clock, digest
from shipworthy.contract.records import Contract, Labels
from shipworthy.errors import WrongUse
from shipworthy.predictions.label_log import Label, LabelReader, folder_of
from shipworthy.store.layout import Layout

_INSTANT = pa.timestamp("ns", tz="UTC")
_KEYS = pa.array([], pa.string())


class Read(NamedTuple):
    """What a source had to say since it was asked last."""

    rows: pa.Table  # key, target, known; of several with one key and no time, the later ones are newer
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


def known_labels(contract: Contract, layout: Layout) -> KnownLabels:
    """All that say what turned out to be true of a model's predictions: `[labels]`, and what came by HTTP."""
    declared = [] if contract.labels is None else [open_source(contract.labels, layout.project)]
    return KnownLabels(*declared, Posted(folder_of(layout.logs(contract.name))))


# (n,) whether there is a label, (n,) the labels or None.
Found = tuple[NDArray[np.bool_], NDArray[np.generic]]


class KnownLabels:
    """All labels that are known, one a key. Memory grows with their number; looking up costs what is looked up."""

    def __init__(self, *sources: LabelSource) -> None:
        self._parts = [_Part(source) for source in sources]

    @property
    def version(self) -> str:
        """Of what they were read from."""
        return "+".join(part.source.version or "-" for part in self._parts) if any(self._versions()) else ""

    def _versions(self) -> list[str]:
        return [part.source.version for part in self._parts]

    def __bool__(self) -> bool:
        return any(part.known for part in self._parts)

    def __len__(self) -> int:
        return len(set().union(*(part.known for part in self._parts)))

    def __contains__(self, key: str) -> bool:
        return any(key in part.known for part in self._parts)

    def refresh(self) -> pa.StringArray:
        """Read what is new; returns its keys."""
        return pa.concat_arrays([_KEYS, *(part.refresh() for part in self._parts)])

    @property
    def newest(self) -> int | None:
        """When the newest label became known, ns since 1970, UTC; None where that is not told."""
        told = [part for part in self._parts if part.known]
        return max(part.newest for part in told) if told and all(part.timed for part in told) else None

    def of(self, *keys: pa.ChunkedArray[Any]) -> Found:
        """Labels of n rows by any of their keys, (n,) each: (n,) whether there is one, (n,) the labels or None.

        Of several sources' labels the one that became known last is the truth; a source that comes first wins a tie.
        """
        found = np.zeros(len(keys[0]), dtype=bool)
        targets = np.full(len(found), None, dtype=object)
        for column in keys:
            for row, key in enumerate(column.to_pylist()):
                known = [part.known[key] for part in self._parts if key in part.known]
                if known and not found[row]:
                    found[row], targets[row] = True, max(known, key=lambda one: one[0])[1]
        return found, targets


class _Part:
    """What is known from one source."""

    def __init__(self, source: LabelSource) -> None:
        self.source = source
        self.known: dict[str, tuple[int, Any]] = {}  # key -> when it became known (ns), and the label
        self.timed, self.newest = True, 0

    def refresh(self) -> pa.StringArray:
        """Read what is new; returns its keys."""
        read = self.source.fresh()
        if read is None or not read.rows.num_rows:
            return _KEYS
        if read.replaces:
            self.known, self.timed, self.newest = {}, True, 0
        self.timed &= read.rows["known"].null_count == 0
        keys: list[Any] = read.rows["key"].to_pylist()
        known: Any = read.rows["known"].cast(pa.int64())
        times = [time or 0 for time in known.to_pylist()]
        for key, time, target in zip(keys, times, read.rows["target"].to_pylist(), strict=True):
            before = self.known.get(key)
            if before is None or time >= before[0]:
                self.known[key] = (time, target)
        self.newest = max(self.newest, *times)
        return _texts(read.rows, "key")


class _Delta:
    """A Delta table that is appended to. What was rewritten counts as added, which costs time but changes nothing."""

    def __init__(self, location: str, labels: Labels) -> None:
        self._location, self._labels = location, labels
        self._table: DeltaTable | None = None
        self._read: set[str] = set()
        self.version = ""

    def fresh(self) -> Read | None:
        table = self._opened()
        if table is None or str(table.version()) == self.version:
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

    def _opened(self) -> DeltaTable | None:
        try:
            if self._table is None:
                self._table = DeltaTable(self._location)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            return None  # nothing has become known yet
        return self._table

    def _everything(self, table: DeltaTable) -> pa.Table:
        """By a query, which knows of partitions and deleted rows."""
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in _columns(self._labels))
        return pa.table(QueryBuilder().register("labels", table).execute(f"SELECT {names} FROM labels").read_all())  # noqa: S608 - quoted


class Posted:
    """Labels that callers sent to a server."""

    def __init__(self, folder: Path) -> None:
        self._reader = LabelReader(folder)
        self.version = ""

    def fresh(self) -> Read | None:
        """What has come since."""
        labels = self._reader.fresh()
        if not labels:
            return None
        self.version = str(self._reader.bytes)
        known = pa.array([label.known for label in labels], pa.int64()).cast(_INSTANT)
        return Read(pa.table({"key": [one.key for one in labels], "target": _values(labels), "known": known}), False)


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
    known: Any = _instants(rows[labels.time]) if labels.time else pa.nulls(rows.num_rows, _INSTANT)
    key: Any = rows[labels.key].cast(pa.string())
    target: Any = rows[labels.target]
    valid: Any = pc.and_(pc.is_valid(key), pc.is_valid(target))
    return pa.table({"key": key, "target": target, "known": known}).filter(valid)


def _texts(rows: pa.Table, column: str) -> pa.StringArray:
    found: Any = rows[column].combine_chunks()
    return cast(pa.StringArray, pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found)


def _instants(column: Any) -> Any:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        instants = [None if text is None else clock.from_iso(text) for text in column.to_pylist()]
        return pa.array(instants, pa.int64()).cast(_INSTANT)
    if not pa.types.is_timestamp(column.type) and not pa.types.is_date(column.type):
        raise WrongUse(f"labels.time: expected a column of timestamps, it holds {column.type}")
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = column.cast(pa.timestamp(column.type.unit, tz="UTC"))
    return column.cast(_INSTANT)
