"""Served rows held against the training source as it is now, by the ids that callers sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shipworthy.contract.records import Contract, DataSource
from shipworthy.contract.violations import with_defaults
from shipworthy.errors import ShipworthyError, WrongUse
from shipworthy.gate.checks import skew
from shipworthy.monitoring.skew import VERSION, Skew, compared, in_words
from shipworthy.monitoring.stored import arrivals, feature_column, newest_rows
from shipworthy.registry.records import Verdict
from shipworthy.store.ledger import Entry
from shipworthy.training import sources
from shipworthy.wiring.project import Project

_LOOKED_THROUGH = 200  # rows for each that is wanted, since not every caller sends an id


def skew_verdict(project: Project, contract: Contract, subject: str) -> Verdict:
    """What was served, whichever release answered, against the training source as it is now."""
    source = contract.target_source
    name = "" if source is None else source.name
    if source is None or source.id is None:
        return skew.skew(contract.gate.skew, None, source=name)
    try:
        entry = find_skew(project, contract, subject)
    except ShipworthyError as error:
        return Verdict(skew.CHECK, "undecided", str(error))
    return skew.skew(contract.gate.skew, entry.decode(Skew), entry.id, source=name)


def find_skew(project: Project, contract: Contract, subject: str = "") -> Entry:
    """Compare, and keep what was found. WrongUse where the contract names no column of ids."""
    source = contract.target_source
    if source is None or source.id is None:
        name = "NAME" if source is None else source.name
        raise WrongUse(
            f"data.{name}.id is not set: expected the column that holds the id which callers send with their requests"
        )
    served = _served(project, contract)
    reading = sources.read(source.newest, project.layout.project, project.objects)
    training = with_defaults(contract, reading.rows)  # what a request would get in its place
    rule = contract.gate.skew
    rows, unknown, ambiguous, found = compared(served, training, source.id, contract.features, rule.tolerance)
    missing = tuple(one.name for one in contract.features if feature_column(one.name) not in served.column_names)
    record = Skew(
        version=VERSION,
        source=source.name,
        location=_place(source),
        pinned=str(reading.pin.version) if reading.pin.version is not None else reading.pin.digest[:16],
        tolerance=rule.tolerance,
        served=served.num_rows,
        compared=rows,
        unknown=unknown,
        ambiguous=ambiguous,
        features=found,
        missing=missing if served.num_rows else (),
        words=in_words(served.num_rows, rows, unknown, ambiguous, found),
    )
    return project.ledger.append("skew", project.contract.name, record, subject=subject)


def _served(project: Project, contract: Contract) -> pa.Table:
    """The newest rows that had an id, each id once, as it was served last."""
    wanted = contract.gate.skew.newest
    columns = {feature_column(feature.name) for feature in contract.features}
    location, limit = project.layout.predictions(project.contract.name), wanted * _LOOKED_THROUGH
    since = _since(location, wanted, limit)
    parts: list[pa.Table] = []
    for rows in newest_rows(location, columns, limit):
        named = rows.filter(pc.is_valid(rows["id"]))
        parts.append(named.take(np.flatnonzero(arrivals(named) >= since)))
        if sum(part.num_rows for part in parts) >= wanted:
            break
    if not parts:
        return pa.table({"id": pa.array([], pa.string()), "prediction_id": pa.array([], pa.string())})
    found = pa.concat_tables(parts, promote_options="permissive").sort_by(
        [("arrived", "descending"), ("prediction_id", "ascending")]
    )
    found = found.slice(0, wanted)
    first = pc.index_in(pc.unique(found["id"]), value_set=found["id"].combine_chunks())
    return found.take(first)


def _since(location: Path, wanted: int, limit: int) -> int:
    """When the oldest of the newest `wanted` rows with an id arrived, ns: a file has its newest rows at its end."""
    times = [arrivals(rows.filter(pc.is_valid(rows["id"]))) for rows in newest_rows(location, (), limit)]
    newest = np.sort(np.concatenate(times))[-wanted:] if times else np.zeros(0, dtype=np.int64)
    return int(newest[0]) if len(newest) else 0


def _place(source: DataSource) -> str:
    return f"{source.kind}:{source.location}"
