"""Records of one segment as one frame: columns, answers and ids of all rows, ready for a table or for counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from shipworthy.models.records import Columns
from shipworthy.predictions.format import Header, Payload
from shipworthy.predictions.ids import prefix
from shipworthy.predictions.payloads import columns as payload_columns
from shipworthy.predictions.reader import Record

pc: Any = pyarrow.compute  # its published types do not know every overload


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows of one segment, in the order in which they were answered."""

    header: Header
    rows: int
    prediction_ids: pa.Array[Any]  # (rows,) texts
    ids: pa.Array[Any]  # (rows,) texts: the callers' own, null where none was sent
    arrived: NDArray[np.int64]  # (rows,) ns since 1970, UTC
    event_time: NDArray[np.int64]  # (rows,) the contract's event time, or arrival where there is none
    columns: Columns  # in the order of header.features
    values: NDArray[np.float64]  # (rows, k)
    flags: list[tuple[int, str]]  # (row, feature) of violations that were let through, in the order of rows
    refused: dict[str, int]  # feature -> rows refused for it
    took: NDArray[np.int64]  # (requests,) ns; of services alone, and not in the order of rows
    end: int  # offset after the last record, bytes; 0 for no records


def frame(header: Header, records: Sequence[Record]) -> Frame:
    """Join records of the segment that `header` heads."""
    answered = [record for record in records if record.payload.rows]
    payloads = [record.payload for record in answered]
    sizes = np.array([payload.rows for payload in payloads], np.int64)
    arrived = np.repeat(np.array([payload.arrived for payload in payloads], np.int64), sizes)
    columns = payload_columns(header, payloads)
    return Frame(
        header=header,
        rows=len(arrived),
        prediction_ids=_prediction_ids(header, answered, sizes),
        ids=_caller_ids(payloads, len(arrived)),
        arrived=arrived,
        event_time=_event_time(header, columns, arrived),
        columns=columns,
        values=_values(header, payloads, len(arrived)),
        flags=_flags(header, payloads),
        refused=_refused(header, records),
        took=np.frombuffer(b"".join([record.payload.took for record in records]), "<i8"),
        end=records[-1].end if records else 0,
    )


def _values(header: Header, payloads: Sequence[Payload], rows: int) -> NDArray[np.float64]:
    found = np.frombuffer(b"".join([payload.values for payload in payloads]), "<f8")
    return found.reshape(rows, -1 if rows else len(header.classes) or 1)


def _prediction_ids(header: Header, records: Sequence[Record], sizes: NDArray[np.int64]) -> pa.Array[Any]:
    """Texts `<prefix><offset>-<row>`, made by the column."""
    starts = np.array([record.start for record in records], np.int64)
    ends = np.cumsum(sizes)
    row = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
    begin = prefix(header.release, header.source, header.segment)
    heads = pc.binary_join_element_wise(begin, pc.cast(pa.array(starts), pa.string()), "")
    which = pa.array(np.repeat(np.arange(len(sizes)), sizes))
    texts: pa.Array[Any] = pc.binary_join_element_wise(heads.take(which), pc.cast(pa.array(row), pa.string()), "-")
    return texts


def _caller_ids(payloads: Sequence[Payload], rows: int) -> pa.Array[Any]:
    if not any(payload.ids for payload in payloads):
        return pa.nulls(rows, pa.string())
    found = [id_ for payload in payloads for id_ in (payload.ids or [None] * payload.rows)]
    return pa.array(found, pa.string())


def _event_time(header: Header, columns: Columns, arrived: NDArray[np.int64]) -> NDArray[np.int64]:
    """The named feature where it has a value (null is -2**63), arrival elsewhere."""
    for feature, column in zip(header.features, columns, strict=True):
        if feature.name == header.event_time:
            times = column.astype(np.int64)
            return np.where(times == np.iinfo(np.int64).min, arrived, times)
    return arrived


def _flags(header: Header, payloads: Sequence[Payload]) -> list[tuple[int, str]]:
    names = [feature.name for feature in header.features]
    found: list[tuple[int, str]] = []
    begin = 0
    for payload in payloads:
        found += [(begin + row, names[feature]) for row, feature in payload.flags]
        begin += payload.rows
    return found


def _refused(header: Header, records: Sequence[Record]) -> dict[str, int]:
    total = Counter[str]()
    for record in records:
        if record.payload.refused:
            total.update(record.refused)
    return dict(total)
