"""Recorded predictions as joining needs them, read file by file from the Delta table, each file once.

Features are read again from the files of the windows that are measured: few are asked for, and seldom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from numpy.typing import NDArray

from shipworthy.monitoring.stored import with_whole_windows
from shipworthy.store.querying import as_it_is, without_views

COLUMNS = ["prediction_id", "id", "release", "window", "values"]
FEATURE = "feature:"  # before the name of a feature that was asked for
_KEPT_ROWS = 2_000_000  # kept in memory; files beyond are read again when they are asked for

_TOGETHER = 500_000  # rows that are looked through at once

Group = tuple[int, int]  # release, start of the window in ns


class Predicted:
    """The predictions of one model."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self._table: DeltaTable | None = None
        self._files: tuple[str, ...] = ()
        self._kept: dict[str, pa.Table] = {}
        self._held: dict[str, dict[Group, int]] = {}  # file -> rows of each group in it
        self._rows: dict[Group, int] | None = None
        self.version = ""

    def refresh(self) -> list[str]:
        """Look for new files; returns them. None of them is read yet."""
        table = as_it_is(self._table, self._location)
        if table is None:
            return []
        self._table = table
        known, self._files = set(self._files), tuple(sorted(table.file_uris()))
        if known != set(self._files):
            self._rows = None
        self.version = str(table.version())
        current = set(self._files)
        self._kept = {file: rows for file, rows in self._kept.items() if file in current}
        self._held = {file: groups for file, groups in self._held.items() if file in current}
        return [file for file in self._files if file not in known]

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the table as it was looked at last."""
        return self._files

    def rows(self) -> dict[Group, int]:
        """How many predictions each release and window has by now."""
        if self._rows is None:
            total: Counter[Group] = Counter()
            for file in self._files:
                total.update(self._groups(file))
            self._rows = dict(total)
        return self._rows

    def named(self, keys: pa.StringArray, files: Sequence[str]) -> Iterator[pa.Table]:
        """The predictions in `files` that one of the keys names."""
        for rows in self.together(files):
            yield _chosen(rows, _named(rows, keys))

    def together(self, files: Sequence[str]) -> Iterator[pa.Table]:
        """The rows of several files in few tables, each of which fits into memory."""
        waiting: list[pa.Table] = []
        for file in files:
            waiting.append(self._read(file))
            if sum(rows.num_rows for rows in waiting) >= _TOGETHER:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)

    def of_groups(self, groups: set[Group], features: Sequence[str] = ()) -> dict[Group, pa.Table]:
        """The predictions of each group, in the order of their ids, so that files may be joined without a trace.

        With columns `feature:NAME` for the features asked for, where the table has them.
        """
        windows = np.array(sorted({window for _, window in groups}), dtype=np.int64)
        files = [file for file in self._files if not groups.isdisjoint(self._groups(file))]
        parts = [self._of_windows(file, windows, features) for file in files]
        if not parts:
            return {}
        rows = pa.concat_tables(parts, promote_options="permissive").sort_by(
            [("release", "ascending"), ("window", "ascending"), ("prediction_id", "ascending")]
        )
        pairs = np.stack([_numbers(rows, "release"), _numbers(rows, "window")])
        begins = np.flatnonzero(np.any(np.diff(pairs, axis=1, prepend=-1), axis=0))
        ends = [*begins[1:].tolist(), rows.num_rows]
        found = {
            (int(pairs[0, begin]), int(pairs[1, begin])): rows.slice(begin, end - begin)
            for begin, end in zip(begins.tolist(), ends, strict=True)
        }
        return {group: rows for group, rows in found.items() if group in groups}

    def _of_windows(self, file: str, windows: NDArray[np.int64], features: Sequence[str]) -> pa.Table:
        rows = self._read(file)
        for name, column in _features(file, features).items():
            rows = rows.append_column(f"{FEATURE}{name}", column)
        return _chosen(rows, np.isin(_numbers(rows, "window"), windows))

    def _groups(self, file: str) -> dict[Group, int]:
        if file not in self._held:
            rows = self._kept[file] if file in self._kept else with_whole_windows(_columns(file, ["release", "window"]))
            self._held[file] = _counted(rows)
        return self._held[file]

    def _read(self, file: str) -> pa.Table:
        """COLUMNS of one file; `window` as int64 ns."""
        kept = self._kept.get(file)
        if kept is not None:
            return kept
        rows = with_whole_windows(_columns(file, COLUMNS)).combine_chunks()
        if rows.num_rows + sum(table.num_rows for table in self._kept.values()) <= _KEPT_ROWS:
            self._kept[file] = rows
        return rows


def values_of(rows: pa.Table) -> NDArray[np.float64]:
    """(n, k) answers of n >= 1 predictions."""
    lists: Any = rows["values"].combine_chunks()
    flat: NDArray[np.float64] = lists.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(rows.num_rows, -1)


def _named(rows: pa.Table, keys: pa.StringArray) -> NDArray[np.bool_]:
    """(n,) whether a key is the id of a prediction, or the caller's own."""
    found = np.zeros(rows.num_rows, dtype=bool)
    for column in ("prediction_id", "id"):
        known: Any = pc.is_in(rows[column], value_set=keys, skip_nulls=True)
        found |= known.to_numpy()
    return found


def groups_of(rows: pa.Table) -> set[Group]:
    """Release and window of every row."""
    return set(_counted(rows))


def _counted(rows: pa.Table) -> dict[Group, int]:
    pairs = np.stack([_numbers(rows, "release"), _numbers(rows, "window")])
    found, counts = np.unique(pairs, axis=1, return_counts=True)
    return {(int(release), int(window)): int(rows) for (release, window), rows in zip(found.T, counts, strict=True)}


def _columns(file: str, columns: list[str]) -> pa.Table:
    return without_views(pq.read_table(file, columns=columns, partitioning=None))


def _features(file: str, names: Sequence[str]) -> dict[str, pa.ChunkedArray[Any]]:
    """Of the struct `features`, those of the names that a file has."""
    if not names:
        return {}
    schema = pq.read_schema(file)
    kind: Any = schema.field("features").type if "features" in schema.names else None
    there = [] if kind is None else [name for name in names if kind.get_field_index(name) >= 0]
    if not there:
        return {}
    with pq.ParquetFile(file) as opened:
        struct: Any = opened.read(columns=[f"features.{name}" for name in there])["features"]
    return {name: pc.struct_field(struct, name) for name in there}


def _numbers(rows: pa.Table, column: str) -> NDArray[np.int64]:
    return rows[column].to_numpy().astype(np.int64, copy=False)


def _chosen(rows: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
    return rows.take(np.flatnonzero(mask)) if not mask.all() else rows
