"""The Delta table of a model's predictions.

    prediction_id string, id string?, model string, release int, source string,
    arrived, event_time, window timestamp[us, UTC], features struct<one field a feature>, values list<double>,
    prediction string (classes) | double (regression), score double, confidence double?, flags list<string>

`event_time` is what the caller said, or arrival where nothing was said or it lay ahead of the clock; `window` is the
start of the window that it lies in. `flags` names the features whose violation was let through.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import FeatureType
from shipworthy.counts.outputs import watched
from shipworthy.errors import Tampered
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.predictions.columns import lists, predictions
from shipworthy.predictions.format import LoggedFeature
from shipworthy.predictions.frames import Frame
from shipworthy.recording.times import Times
from shipworthy.store.appending import append_once, appended

INSTANT = pa.timestamp("us", tz="UTC")
_TYPES: dict[FeatureType, pa.DataType] = {
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "timestamp": INSTANT,
}
_CONFIGURATION: dict[str, str | None] = {
    "delta.checkpointInterval": "20",  # opening replays the log since the last one, which grows with every commit
    "delta.logRetentionDuration": "interval 7 days",
}
_COMPACT_BYTES = 256 * 2**20
_KEPT_HOURS = 24  # that files replaced by compaction stay for readers that have just listed them


class PredictionTable:
    """One model's predictions, appended to exactly once. One thread an object; any number of processes a table."""

    def __init__(self, location: str | Path) -> None:
        self._location = str(location)
        self._table: DeltaTable | None = None

    def append(self, rows: pa.Table, source: str, number: int) -> bool:
        """Append batch `number` of a source; False where that batch, or a later one, is already there."""
        table = self._opened(rows.schema)
        table.update_incremental()
        return append_once(table, self._fitted(rows, table), source, number)

    def compact(self, *, at_least: int = 0) -> bool:
        """Join small files, delete those joined a day ago or before.

        False where others did, fewer than `at_least` are small, or nothing is there.
        """
        try:
            table = self._opened(None)
            table.update_incremental()
            if at_least and sum(size < _COMPACT_BYTES / 2 for size, _ in _files(table)) < at_least:
                return False
            table.optimize.compact(target_size=_COMPACT_BYTES)
            table.vacuum(retention_hours=_KEPT_HOURS, dry_run=False, enforce_retention_duration=False)
        except (CommitFailedError, TableNotFoundError):
            return False
        return True

    def oldest_beyond(self, limit: int) -> int | None:
        """The instant (ns) before which rows have to go for the files to have at most `limit` bytes; None: they do."""
        left = limit
        for size, arrived in sorted(self._current(), key=lambda file: -file[1]):
            left -= size
            if left < 0:
                return arrived + 1000  # the newest row of that file goes, too; the table keeps microseconds
        return None

    def count_before(self, arrived: int, window: int) -> int:
        """Rows that arrived before an instant, of windows that begin before another (ns)."""
        if not self._current():
            return 0
        query = f"SELECT count(*) AS rows FROM predictions WHERE {_before(arrived, window)}"  # noqa: S608 - numbers
        reader = QueryBuilder().register("predictions", self._opened(None)).execute(query)
        return int(pa.table(reader)["rows"][0].as_py())

    def remove_before(self, arrived: int, window: int) -> None:
        """Remove them, in one commit; their bytes go with a later `compact`."""
        self._opened(None).delete(_before(arrived, window))

    def named(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that are the id of a row, or the caller's own."""
        found: set[str] = set()
        if not keys or not self._current():
            return found
        wanted = pa.array(keys, pa.string())
        for file in self._opened(None).file_uris():
            for batch in pq.ParquetFile(file).iter_batches(columns=["prediction_id", "id"]):
                for column in batch.columns:
                    texts: Any = column.cast(pa.string())
                    there: Any = pc.is_in(texts, value_set=wanted, skip_nulls=True)
                    found.update(texts.filter(there).to_pylist())
        return found

    def _current(self) -> list[tuple[int, int]]:
        """Bytes, and newest arrival (ns), of each file."""
        try:
            table = self._opened(None)
        except TableNotFoundError:
            return []
        table.update_incremental()
        return _files(table)

    def require_not_ahead(self, source: str, known: int) -> None:
        """Tampered where the table holds later batches of a source than `known`, the newest that the ledger plans.

        Its next batches would count as written, with other rows than they have, and the log would go.
        """
        if not DeltaTable.is_deltatable(self._location):
            return
        there = appended(self._opened(None), source)
        if there > known:
            raise Tampered(
                f"{self._location} holds batch {there} of {source}, and the ledger knows none after {known}: the "
                "ledger is older than the table, as after a backup was restored. Nothing of this source is recorded "
                "any more, so that no row is lost; its log stays. Start `up` again: what is answered from then on is "
                "another source, and recorded; then put the folder of this one away"
            )

    def _fitted(self, rows: pa.Table, table: DeltaTable) -> pa.Table:
        return _fitted(rows, table)

    def _opened(self, schema: pa.Schema | None) -> DeltaTable:
        if self._table is None:
            if schema is not None:
                Path(self._location).parent.mkdir(parents=True, exist_ok=True)
                DeltaTable.create(self._location, schema, mode="ignore", configuration=_CONFIGURATION)
            self._table = DeltaTable(self._location)
        return self._table


def _files(table: DeltaTable) -> list[tuple[int, int]]:
    actions = pa.table(table.get_add_actions(flatten=True))
    newest: Any = actions["max.arrived"] if "max.arrived" in actions.column_names else None
    times = [0] * actions.num_rows if newest is None else newest.cast(INSTANT).cast(pa.int64()).to_pylist()
    sizes: list[Any] = actions["size_bytes"].to_pylist()
    return [(int(size), int(time or 0) * 1000) for size, time in zip(sizes, times, strict=True)]


def instant_in_sql(instant: int) -> str:
    """An instant (ns) as queries of the table compare it."""
    return f"arrow_cast('{clock.to_datetime(instant).isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"


def _before(arrived: int, window: int) -> str:
    return f'"arrived" < {instant_in_sql(arrived)} AND "window" < {instant_in_sql(window)}'


def rows_of(frame: Frame, times: Times, window: int) -> pa.Table:
    """A frame's rows as the table holds them; `window` in ns."""
    outputs = dict(watched(frame.values))
    confidence = outputs.get("confidence")
    return pa.table(
        {
            "prediction_id": frame.prediction_ids,
            "id": frame.ids,
            "model": _repeated(frame.header.model, frame.rows),
            "release": pa.repeat(pa.scalar(frame.header.release, pa.int32()), frame.rows),
            "source": _repeated(frame.header.source, frame.rows),
            "arrived": instants(frame.arrived),
            "event_time": instants(times.said),
            "window": instants(times.said - times.said % window),
            "features": _features(frame),
            "values": lists(frame.values),
            "prediction": predictions(frame.values, frame.header.classes),
            "score": pa.array(outputs["score" if "score" in outputs else "prediction"]),
            "confidence": pa.array(confidence) if confidence is not None else pa.nulls(frame.rows, pa.float64()),
            "flags": _flags(frame, times),
        }
    )


def _fitted(rows: pa.Table, table: DeltaTable) -> pa.Table:
    """Rows whose features fit the table: one whose type has changed since gets a field of its own, named for the type.

    Otherwise the first release with another type would stop recording for good.
    """
    known: Any = pa.schema(cast(Any, table.schema().to_arrow())).field("features").type
    column: Any = rows["features"].combine_chunks()
    fields = {field.name: field.type for field in known}
    changed = [fields.get(field.name, field.type) != field.type for field in column.type]
    if not any(changed):
        return rows
    named = [
        field.with_name(f"{field.name} ({field.type})") if is_changed else field
        for field, is_changed in zip(column.type, changed, strict=True)
    ]
    renamed = pa.StructArray.from_arrays(column.flatten(), fields=named)
    return rows.set_column(rows.column_names.index("features"), "features", renamed)


def _features(frame: Frame) -> pa.StructArray:
    arrays = [_feature(feature, column) for feature, column in zip(frame.header.features, frame.columns, strict=True)]
    fields = [pa.field(feature.name, _TYPES[feature.type]) for feature in frame.header.features]
    features: pa.StructArray = pa.StructArray.from_arrays(arrays, fields=fields)
    return features


def _feature(feature: LoggedFeature, column: NDArray[np.generic]) -> pa.Array[Any]:
    if feature.type == "timestamp":
        null = column == NULL_TIMESTAMP
        return pa.array(column.astype(np.int64) // 1000, mask=null).cast(INSTANT)
    array: pa.Array[Any] = pa.array(column, from_pandas=True)
    return array.cast(_TYPES[feature.type])


def _flags(frame: Frame, times: Times) -> pa.Array[Any]:
    """(n,) lists of names: in the order in which they were found, the event time last."""
    ahead = np.flatnonzero(times.ahead).tolist()
    found = sorted([*frame.flags, *((row, frame.header.event_time) for row in ahead)], key=itemgetter(0))
    offsets = np.zeros(frame.rows + 1, np.int32)
    np.cumsum(np.bincount([row for row, _ in found], minlength=frame.rows), out=offsets[1:])
    names = pa.array([name for _, name in found], pa.string())
    flags: pa.Array[Any] = pa.ListArray.from_arrays(cast(Any, offsets), names)
    return flags


def instants(times: NDArray[np.int64]) -> pa.Array[Any]:
    """Instants (ns) as the table holds them."""
    return pa.array(times // 1000).cast(INSTANT)


def _repeated(text: str, rows: int) -> pa.Array[Any]:
    return pa.repeat(pa.scalar(text), rows)
