"""Adopting a service that somebody else serves: its entry, its reference, and the file that its processes read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from numpy.typing import NDArray

from shipworthy.contract import periods
from shipworthy.contract.periods import Period
from shipworthy.contract.records import Contract
from shipworthy.contract.sample import read_sample
from shipworthy.counts import reference as counting
from shipworthy.counts.reference import Reference
from shipworthy.dialects.named import dialect
from shipworthy.dialects.records import Unreadable
from shipworthy.endpoints.asking import Caller, refuse_unless_there
from shipworthy.errors import Refused, WrongUse
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import NULL_TIMESTAMP, Columns
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.recording.service import VERSION, Service, of_contract, path_of
from shipworthy.recording.values import columns_of, values_of
from shipworthy.registry.releases import Releases
from shipworthy.rehearsal.payloads import rows_from_table
from shipworthy.store.ledger import Entry
from shipworthy.wiring.project import Project
from shipworthy.wiring.recorded_period import recorded, rows_of
from shipworthy.wiring.services import newest_service

FEWEST = 100  # rows of a reference
MOST = 200_000  # rows of a sample that are asked about
_TOGETHER = 100  # rows of one request, where the dialect allows several


@dataclass(frozen=True, slots=True)
class Origin:
    """What a reference is to be made from; nothing at all is allowed."""

    sample: Path | None = None  # rows, to be answered by `url`
    url: str | None = None
    dialect: str = "row"
    answer: str = ""
    recorded: int | None = None  # the first so many rows that were recorded


def adopt_service(project: Project, classes: Sequence[str], source: Origin) -> tuple[Entry, Service]:
    """Enter a service under the next number, with its reference where there is one. WrongUse, Refused."""
    contract, before = project.contract, newest_service(project)
    if Releases(project.ledger, project.objects).all(contract.name):
        raise WrongUse(f"{contract.name} has releases of this project: a service is adopted before the first of them")
    named = tuple(classes) or (before.classes if before is not None else ())
    origin, reference = _reference(project, named, source)
    digest = project.objects.put(counting.encode(reference)) if reference is not None else None
    made = Service(
        version=VERSION,
        model=contract.name,
        number=before.number + 1 if before is not None else 1,
        features=of_contract(contract.features),
        required=tuple(feature.name for feature in contract.features if not feature.nullable),
        classes=named,
        event_time=contract.serving.event_time,
        contract=contract.digest,
        reference=digest,
        origin=origin,
        because="somebody else serves it: never rebuilt, never checked, never released here",
    )
    if digest is not None:
        project.objects.settle({digest})
    entry = project.ledger.append("service", contract.name, made, key=str(made.number))
    _write(path_of(project.layout.project, contract.name), made)
    return entry, made


def _reference(
    project: Project, classes: Sequence[str], source: Origin
) -> tuple[Literal["nothing", "sample", "recorded"], Reference | None]:
    if source.sample is not None and source.recorded is not None:
        raise WrongUse("--sample and --recorded: expected one of them, since one reference is made")
    named = periods.compared(project.contract.monitoring.reference).period
    if named is not None:
        if source.sample is not None or source.recorded is not None:
            raise WrongUse(f"--sample and --recorded: expected neither, monitoring.reference names {named.words}")
        if not DeltaTable.is_deltatable(str(project.layout.predictions(project.contract.name))):
            return "nothing", None  # the period is still to come: the service is entered to be recorded
        return "recorded", _of_period(project, named)
    if source.sample is not None:
        if source.url is None:
            raise WrongUse("--sample needs --url: the service itself says what it answers to these rows")
        return "sample", _built(project.contract, *_asked(project.contract, classes, source))
    if source.recorded is not None:
        return "recorded", _built(project.contract, *_recorded(project, source.recorded))
    return "nothing", None


def _built(
    contract: Contract, columns: Columns, answers: NDArray[np.float64], times: NDArray[np.int64] | None
) -> Reference:
    if len(answers) < FEWEST:
        raise Refused(f"a reference of {len(answers)} rows says nothing of a year: expected at least {FEWEST}")
    same = Rows(columns, times)
    features, event_time = of_contract(contract.features), contract.serving.event_time
    return frozen(features, same, same, answers, contract.monitoring, event_time)


def _of_period(project: Project, named: Period) -> Reference:
    """What the service was asked in a period, and what it said: both are compared with."""
    found = recorded(project, project.contract, named)
    rows = rows_of(found, of_contract(project.contract.features))
    answers = np.array(found.answers.to_pylist(), np.float64).reshape(found.rows.num_rows, -1)
    return _built(project.contract, rows.columns, answers, rows.times)


def _asked(
    contract: Contract, classes: Sequence[str], source: Origin
) -> tuple[Columns, NDArray[np.float64], NDArray[np.int64] | None]:
    """The rows of a sample that keep the contract, and what the service says to them."""
    assert source.sample is not None
    assert source.url is not None
    rows: Sequence[Any] = rows_from_table(contract.features, read_sample(source.sample).slice(0, MOST))
    spoken = dialect(source.dialect, contract.features, pointer=source.answer)
    parts = []
    with Caller(source.url) as caller:
        for together in _cut(rows, _TOGETHER if spoken.many else 1):
            reply = caller.post(spoken.body(together))
            refuse_unless_there(reply, caller.url)
            if not reply.good:
                raise Refused(f"{source.url} answers {reply.status} to a row that keeps the contract: {reply.said}")
            try:
                parts.append(values_of(spoken.said(reply.body), classes))
            except Unreadable as error:
                raise WrongUse(f"{source.url}: {error}; --dialect, --answer and --classes say how to read it") from None
    features = of_contract(contract.features)
    columns, _ = columns_of(features, (), rows)
    arrays: Columns = [
        np.array(column, object) if feature.type == "category" else column
        for feature, column in zip(features, columns, strict=True)
    ]
    width = len(classes) or 1
    return arrays, np.concatenate(parts) if parts else np.empty((0, width)), _times(contract, arrays)


def _times(contract: Contract, columns: Columns) -> NDArray[np.int64] | None:
    """Event times, where every row has one."""
    for feature, column in zip(contract.features, columns, strict=True):
        if feature.name == contract.serving.event_time:
            times = column.astype(np.int64)
            return None if (times == NULL_TIMESTAMP).any() else times
    return None


def _recorded(project: Project, rows: int) -> tuple[Columns, NDArray[np.float64], NDArray[np.int64] | None]:
    """The first rows of the predictions' table, by event time."""
    path = str(project.layout.predictions(project.contract.name))
    if not DeltaTable.is_deltatable(path):
        raise WrongUse("nothing is recorded yet: `shipworthy record` brings what the service logged into the table")
    reader = QueryBuilder().register("predictions", DeltaTable(path))
    # `rows` is a whole number of our own.
    query = f'SELECT features, "values", event_time FROM predictions ORDER BY event_time LIMIT {int(rows)}'  # noqa: S608
    table = pa.table(reader.execute(query))
    structs: Any = table["features"].combine_chunks()
    features = of_contract(project.contract.features)
    flat = pa.table(dict(zip([field.name for field in structs.type], structs.flatten(), strict=True)))
    answers = np.array(table["values"].to_pylist(), np.float64)
    times = table["event_time"].cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64()).to_numpy()
    return from_arrow(flat, features), answers.reshape(len(flat), -1), times


def _cut(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def _write(path: Path, service: Service) -> None:
    """Whole or not at all: the service's processes read it while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(service), indent=2))
    beside.replace(path)
