"""The table of predictions as recording left it, read newest first and no further than is wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from numpy.typing import NDArray

_ROUNDED = 1_000_000  # ns: statistics of a table may be rounded down to milliseconds
_BATCH = 20_000  # rows that are read at once
_ALWAYS = ("prediction_id", "id", "release", "window", "arrived")
INSTANT = pa.timestamp("ns", tz="UTC")


class Span(NamedTuple):
    """Windows by their starts, ns since 1970, UTC: from the first to before the last."""

    first: int
    last: int


def feature_column(name: str) -> str:
    """What the column of a feature is called in what `newest_rows` gives."""
    return f"features.{name}"


def arrivals(rows: pa.Table) -> NDArray[np.int64]:
    """(n,) when rows arrived, ns since 1970, UTC."""
    instants: Any = rows["arrived"].cast(INSTANT).cast(pa.int64())
    found: NDArray[np.int64] = instants.to_numpy()
    return found


def newest_rows(location: Path, columns: Collection[str], limit: int, span: Span | None = None) -> Iterator[pa.Table]:
    """Rows in batches, the newest files and row groups first, `limit` at most; none where there is no table.

    Each has prediction_id, id, release, window (int64, ns), arrived, and of `columns` those that its file has.
    span: windows that are asked for. Files of no such window are not read; others may give rows of other windows.
    """
    left = limit
    for file in _files(location, span) if DeltaTable.is_deltatable(str(location)) else []:
        parquet = pq.ParquetFile(file)
        there = {parquet.schema.column(i).path for i in range(len(parquet.schema))}
        read = sorted({*_ALWAYS, *columns} & there)
        for group in reversed(range(parquet.num_row_groups)):
            for batch in parquet.iter_batches(_BATCH, row_groups=[group], columns=read):
                rows = pa.Table.from_batches([batch]).flatten()[:left]
                yield with_whole_windows(rows)
                left -= rows.num_rows
                if left <= 0:
                    return


def arrived_after(location: Path, after: int) -> tuple[list[Path], int]:
    """Files that may hold rows which arrived after an instant (ns), the oldest first, and how many rows they hold."""
    if not DeltaTable.is_deltatable(str(location)):
        return [], 0
    actions = pa.table(DeltaTable(str(location)).get_add_actions(flatten=True))
    paths: list[Any] = actions["path"].to_pylist()
    rows: list[Any] = actions["num_records"].to_pylist()
    found = [
        (last or 0, path, count or 0)
        for path, last, count in zip(paths, _bounds(actions, "max.arrived"), rows, strict=True)
        if last is None or last > after - _ROUNDED
    ]
    return [location / path for _, path, _ in sorted(found)], sum(count for _, _, count in found)


def rows_of_file(file: Path, columns: Collection[str]) -> Iterator[pa.Table]:
    """Rows of one file in batches, as `newest_rows` gives them."""
    parquet = pq.ParquetFile(file)
    there = {parquet.schema.column(i).path for i in range(len(parquet.schema))}
    read = sorted({*_ALWAYS, *columns} & there)
    for batch in parquet.iter_batches(_BATCH, columns=read):
        yield with_whole_windows(pa.Table.from_batches([batch]).flatten())


def with_whole_windows(rows: pa.Table) -> pa.Table:
    """Windows as ns since 1970, UTC."""
    starts: Any = rows["window"].cast(INSTANT).cast(pa.int64())
    return rows.set_column(rows.column_names.index("window"), "window", starts)


def _files(location: Path, span: Span | None) -> list[Path]:
    """Files that may hold windows of the span, the newest first. The table is written unpartitioned."""
    actions = pa.table(DeltaTable(str(location)).get_add_actions(flatten=True))
    paths: list[Any] = actions["path"].to_pylist()
    bounds = zip(paths, _bounds(actions, "min.window"), _bounds(actions, "max.window"), strict=True)
    files = [
        (-(last or 0), path)
        for path, first, last in bounds
        if span is None or ((first is None or first < span.last) and (last is None or last >= span.first))
    ]
    return [location / path for _, path in sorted(files)]


def _bounds(actions: pa.Table, name: str) -> list[int | None]:
    """A statistic of each file, ns; None where the file has none."""
    known: Any = actions[name] if name in actions.column_names else pa.nulls(actions.num_rows, INSTANT)
    bounds: list[int | None] = known.cast(INSTANT).cast(pa.int64()).to_pylist()
    return bounds
