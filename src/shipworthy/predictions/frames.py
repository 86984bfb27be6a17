"""Records of one segment as one frame: columns, answers and ids of all rows, ready for a table or for counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy.models.records import Columns
from shipworthy.predictions.format import Header, dtype
from shipworthy.predictions.ids import prefix
from shipworthy.predictions.reader import Record


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows of one segment, in the order in which they were answered."""

    header: Header
    rows: int
    prediction_ids: list[str]
    ids: list[str | None]  # the callers' own
    arrived: NDArray[np.int64]  # (rows,) ns since 1970, UTC
    event_time: NDArray[np.int64]  # (rows,) the contract's event time, or arrival where there is none
    columns: Columns  # in the order of header.features
    values: NDArray[np.float64]  # (rows, k)
    flags: list[list[str]]  # a row each: features whose violation was let through
    refused: dict[str, int]  # feature -> rows refused for it
    end: int  # offset after the last record, bytes; 0 for no records


def frame(header: Header, records: Sequence[Record]) -> Frame:
    """Join records of the segment that `header` heads."""
    answered = [record for record in records if record.rows]
    arrived = np.repeat(
        np.array([record.arrived for record in answered], np.int64), [record.rows for record in answered]
    )
    columns = _columns(header, answered)
    values = [record.values for record in answered]
    return Frame(
        header=header,
        rows=len(arrived),
        prediction_ids=_prediction_ids(header, answered),
        ids=[id_ for record in answered for id_ in (record.ids or [None] * record.rows)],
        arrived=arrived,
        event_time=_event_time(header, columns, arrived),
        columns=columns,
        values=np.concatenate(values) if values else np.empty((0, len(header.classes) or 1)),
        flags=_flags(answered, len(arrived)),
        refused=dict(sum((Counter(record.refused) for record in records), Counter())),
        end=records[-1].end if records else 0,
    )


def _columns(header: Header, records: Sequence[Record]) -> Columns:
    if not records:
        return [np.empty(0, dtype(feature)) for feature in header.features]
    return [np.concatenate(parts) for parts in zip(*(record.columns for record in records), strict=True)]


def _prediction_ids(header: Header, records: Sequence[Record]) -> list[str]:
    begin = prefix(header.release, header.source, header.segment)
    return [f"{begin}{record.start}-{row}" for record in records for row in range(record.rows)]


def _event_time(header: Header, columns: Columns, arrived: NDArray[np.int64]) -> NDArray[np.int64]:
    """The named feature where it has a value (null is -2**63), arrival elsewhere."""
    for feature, column in zip(header.features, columns, strict=True):
        if feature.name == header.event_time:
            times = column.astype(np.int64)
            return np.where(times == np.iinfo(np.int64).min, arrived, times)
    return arrived


def _flags(records: Sequence[Record], rows: int) -> list[list[str]]:
    flags: list[list[str]] = [[] for _ in range(rows)]
    begin = 0
    for record in records:
        for row, feature in record.flags:
            flags[begin + row].append(feature)
        begin += record.rows
    return flags
