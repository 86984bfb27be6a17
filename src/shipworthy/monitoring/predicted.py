"""Recorded predictions as joining needs them, read file by file from the Delta table, each file once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from numpy.typing import NDArray

COLUMNS = ["prediction_id", "id", "release", "window", "values"]
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
        self.version = ""

    def refresh(self) -> list[str]:
        """Look for new files; returns them. None of them is read yet."""
        try:
            if self._table is None:
                self._table = DeltaTable(self._location)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            return []
        known, self._files = set(self._files), tuple(sorted(self._table.file_uris()))
        self.version = str(self._table.version())
        self._kept = {file: rows for file, rows in self._kept.items() if file in set(self._files)}
        return [file for file in self._files if file not in known]

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the table as it was looked at last."""
        return self._files

    def groups_with(self, keys: pa.StringArray, files: Sequence[str]) -> set[Group]:
        """Release and window of every prediction in `files` that one of the keys names."""
        found: set[Group] = set()
        for rows in self.together(files):
            found |= groups_of(_chosen(rows, _named(rows, keys)))
        return found

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

    def of_groups(self, groups: set[Group]) -> dict[Group, pa.Table]:
        """The predictions of each group, in the order of their ids, so that files may be joined without a trace."""
        windows = np.array(sorted({window for _, window in groups}), dtype=np.int64)
        parts = [_chosen(rows, np.isin(_numbers(rows, "window"), windows)) for rows in self.together(self._files)]
        if not parts:
            return {}
        rows = pa.concat_tables(parts).sort_by(
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

    def _read(self, file: str) -> pa.Table:
        """COLUMNS of one file; `window` as int64 ns."""
        kept = self._kept.get(file)
        if kept is not None:
            return kept
        rows = pq.read_table(file, columns=COLUMNS, partitioning=None)
        starts = rows["window"].cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64())
        rows = rows.set_column(rows.column_names.index("window"), "window", starts).combine_chunks()
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
    pairs = np.unique(np.stack([_numbers(rows, "release"), _numbers(rows, "window")]), axis=1)
    return {(int(release), int(window)) for release, window in pairs.T}


def _numbers(rows: pa.Table, column: str) -> NDArray[np.int64]:
    return rows[column].to_numpy().astype(np.int64, copy=False)


def _chosen(rows: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
    return rows.take(np.flatnonzero(mask)) if not mask.all() else rows
