"""Rows of a named period, from the table of predictions, for the reference that a contract compares with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from numpy.typing import NDArray

from shipworthy import clock, digest
from shipworthy.contract.periods import Period
from shipworthy.contract.records import Contract, Feature
from shipworthy.errors import DataViolation, Refused
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import Columns
from shipworthy.monitoring.freezing import Rows
from shipworthy.monitoring.stored import INSTANT
from shipworthy.recording.table import instant_in_sql
from shipworthy.wiring.project import Project

_OTHERWISE = 'reference = "training" compares with the rows that the model is trained on'


class Recorded(msgspec.Struct, frozen=True):
    """The predictions of a period, in the order of their ids."""

    rows: pa.Table  # a column a feature
    times: NDArray[np.int64]  # (n,) ns since 1970, UTC
    answers: pa.ChunkedArray[Any]  # lists of values
    releases: tuple[int, ...]  # that answered
    words: str
    identity: str  # digest of the ids: another row is another reference


def recorded(project: Project, contract: Contract, period: Period) -> Recorded:
    """What was asked in a period. Refused where it is not over, or nothing of it is there."""
    lateness = contract.monitoring.lateness
    path = str(project.layout.predictions(project.contract.name))
    asked = f"monitoring.reference = {period.words!r}"
    if not DeltaTable.is_deltatable(path):
        raise Refused(f"{asked}: nothing is recorded yet, so that no period can be compared with; {_OTHERWISE}")
    table = DeltaTable(path)
    first, newest = _span(table)
    if newest - lateness < period.end:
        raise Refused(
            f"{asked}: expected a period that is over, rows that may come {clock.spoken(lateness)} late included; "
            f"recorded are predictions of {first} to {clock.to_iso(newest)}"
        )
    begin, end = instant_in_sql(period.start), instant_in_sql(period.end)
    rows = _asked(
        table,
        'SELECT prediction_id, release, event_time, features, "values" FROM predictions '  # noqa: S608 - our own numbers
        f"WHERE event_time >= {begin} AND event_time < {end} ORDER BY prediction_id",
    )
    if not rows.num_rows:
        spans = f"recorded are predictions of {first} to {clock.to_iso(newest)}"
        raise Refused(f"{asked} holds no recorded prediction: {spans}; {_OTHERWISE}")
    releases: tuple[int, ...] = tuple(np.unique(rows["release"].to_numpy()).tolist())
    structs: Any = rows["features"].combine_chunks()
    flat = pa.table(dict(zip([field.name for field in structs.type], structs.flatten(), strict=True)))
    listed = ", ".join(map(str, releases))
    return Recorded(
        flat,
        rows["event_time"].cast(INSTANT).cast(pa.int64()).to_numpy(),
        rows["values"],
        releases,
        f"{rows.num_rows:,} predictions recorded {period.words}, of release {listed}",
        digest.of_value(rows["prediction_id"].to_pylist()),
    )


def rows_of(found: Recorded, features: Sequence[Feature]) -> Rows:
    """Columns and times of a period. Refused where its predictions lack a feature, or hold it in another type."""
    loose = [msgspec.structs.replace(feature, nullable=True) for feature in features]
    try:
        return Rows(from_arrow(found.rows, loose), found.times)
    except DataViolation as error:
        raise Refused(
            f"{found.words} cannot be compared with: {error}; a period of the same features can, and {_OTHERWISE}"
        ) from None


def together(one: Rows, other: Rows) -> Rows:
    """Rows of both; without times where one of them has none."""
    columns: Columns = [
        np.concatenate([first, second.astype(first.dtype, copy=False)])
        for first, second in zip(one.columns, other.columns, strict=True)
    ]
    if one.times is None or other.times is None:
        return Rows(columns, None)
    return Rows(columns, np.concatenate([one.times, other.times]))


def _span(table: DeltaTable) -> tuple[str, int]:
    """The oldest event time in words, and the newest in ns."""
    rows = _asked(table, "SELECT min(event_time) AS first, max(event_time) AS last FROM predictions")
    instants: list[Any] = [rows[name].cast(INSTANT).cast(pa.int64())[0].as_py() for name in ("first", "last")]
    first, last = instants
    return ("nothing", 0) if first is None else (clock.to_iso(first), int(last))


def _asked(table: DeltaTable, query: str) -> pa.Table:
    return pa.table(QueryBuilder().register("predictions", table).execute(query))
