"""Finding one prediction: in the log while it is fresh, else in the Delta table."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from shipworthy import clock
from shipworthy.errors import NotFound
from shipworthy.models.columns import to_arrow
from shipworthy.models.records import BundleDescription
from shipworthy.predictions.frames import frame
from shipworthy.predictions.ids import PredictionId
from shipworthy.predictions.reader import find
from shipworthy.recording.retention import removed
from shipworthy.registry.releases import Releases
from shipworthy.wiring.project import Project


class PredictionRemoved(msgspec.Struct, frozen=True):
    """One answered row that the contract does not keep any longer."""

    id: str
    release: int
    source: str
    because: str
    where: str = "removed"


class PredictionFound(msgspec.Struct, frozen=True):
    """One answered row."""

    id: str
    caller_id: str | None
    at: str  # arrival, ISO 8601
    release: int
    source: str
    features: dict[str, Any]
    answer: list[float]  # probabilities in the order of the classes, or the prediction
    where: str  # "log" or "table"


def find_prediction(project: Project, id_: PredictionId) -> PredictionFound | PredictionRemoved:
    """NotFound where it was never made."""
    try:
        return _in_log(project, id_)
    except NotFound as error:
        found = _in_table(project, id_)
        if found is not None:
            return found
        because = removed(project.ledger, project.contract.name, id_)
        if because is None:
            raise error from None
        return PredictionRemoved(str(id_), id_.release, id_.source, because)


def _in_log(project: Project, id_: PredictionId) -> PredictionFound:
    head, record = find(project.layout.logs(project.contract.name), id_)
    rows = frame(head, [record])
    sha = _file(project, id_.release, "bundle.json")
    features = msgspec.json.decode(project.objects.get(sha), type=BundleDescription).features
    table = to_arrow([column[id_.row : id_.row + 1] for column in rows.columns], features)
    caller = rows.ids[id_.row].as_py()
    return PredictionFound(
        id=str(id_),
        caller_id=caller,
        at=clock.to_iso(int(rows.arrived[id_.row])),
        release=id_.release,
        source=id_.source,
        features=_readable(table.to_pylist()[0]),
        answer=rows.values[id_.row].tolist(),
        where="log",
    )


def _in_table(project: Project, id_: PredictionId) -> PredictionFound | None:
    path = project.layout.predictions(project.contract.name)
    if not DeltaTable.is_deltatable(str(path)):
        return None
    # The id holds digits, letters and dashes alone (`parse` has seen to it), so it cannot end the literal.
    query = f"SELECT * FROM predictions WHERE prediction_id = '{id_}'"  # noqa: S608
    reader = QueryBuilder().register("predictions", DeltaTable(str(path))).execute(query)
    found = pa.table(reader).to_pylist()
    if not found:
        return None
    row = found[0]
    return PredictionFound(
        id=str(id_),
        caller_id=row["id"],
        at=clock.to_iso(clock.from_datetime(row["arrived"])),
        release=row["release"],
        source=row["source"],
        features=_readable(row["features"]),
        answer=list(row["values"]),
        where="table",
    )


def _file(project: Project, release: int, path: str) -> str:
    files = Releases(project.ledger, project.objects).get(project.contract.name, release).files
    return next(file.digest for file in files if file.path == path)


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
