"""Reading: status, lineage, a local prediction, a record as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec

from shipworthy import clock
from shipworthy.dashboard.reading import read_view
from shipworthy.dashboard.view import StatusView
from shipworthy.errors import NotFound, Refused, ShipworthyError, WrongUse
from shipworthy.gate.waivers import waivers
from shipworthy.predictions.ids import PredictionId, parse
from shipworthy.registry.lineage import (
    ReleaseLineage,
    RunLineage,
    VersionLineage,
    lineage_of_release,
    lineage_of_run,
    lineage_of_version,
)
from shipworthy.registry.names import entry_of
from shipworthy.registry.records import Release
from shipworthy.serving.launch import rehearse_server
from shipworthy.store.holding import holder_of
from shipworthy.training.workplace import workplace
from shipworthy.wiring.alerting import alert_views
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.predictions import PredictionFound, find_prediction
from shipworthy.wiring.project import Project, in_production, live_release
from shipworthy.wiring.running import read_running
from shipworthy.wiring.up import served


class PredictionLineage(msgspec.Struct, frozen=True):
    """A prediction, and back from it."""

    prediction: PredictionFound
    release: ReleaseLineage


Traced = PredictionLineage | ReleaseLineage | RunLineage | VersionLineage


def read_status(project: Project) -> StatusView:
    """The one page."""
    model = project.contract.name
    return read_view(
        project.ledger,
        project.contract,
        waivers=waivers(project.ledger, model, trusted_keys()).standing,
        alerts=alert_views(project),
        running=_running(project),
    )


def trace(project: Project, name: str) -> Traced:
    """Where a prediction, release, run or data version came from, and what came of it."""
    model, ledger = project.contract.name, project.ledger
    id_ = _prediction_id(name)
    if id_ is not None:
        found = find_prediction(project, id_)
        return PredictionLineage(found, lineage_of_release(ledger, model, id_.release))
    try:
        entry = entry_of(ledger, name, model=model)
    except (NotFound, WrongUse) as error:
        return _version(project, name, error)
    if entry.kind == "release":
        return lineage_of_release(ledger, model, entry.decode(Release).number)
    return lineage_of_run(ledger, entry if entry.kind == "run" else ledger.get(entry.subject))


def predict_rows(project: Project, path: Path) -> dict[str, Any]:
    """Ask the live release as a caller would, on a server of its own; nothing is logged."""
    project = in_production(project)
    live = live_release(project)
    folder, command = served(project, live)
    body = _body(path)
    with (
        workplace(project.layout.work(), "predict") as work,
        rehearse_server(folder, project.contract, work, command=command) as url,
    ):
        answer = httpx.post(f"{url}/predict", content=body, timeout=60.0)
    said: dict[str, Any] = msgspec.json.decode(answer.content)
    if answer.status_code != httpx.codes.OK:
        raise Refused(f"{path}: {msgspec.json.encode(said).decode()}")
    # An id is a promise that `lineage` knows the prediction, and nothing was logged.
    unlogged = [{key: value for key, value in one.items() if key != "id"} for one in said["predictions"]]
    return {**said, "release": live, "predictions": unlogged}


def read_record(project: Project, name: str) -> dict[str, Any]:
    """A record of the ledger, with its id, instant and digest."""
    entry = entry_of(project.ledger, name, model=project.contract.name)
    about = {"id": entry.id, "kind": entry.kind, "at": clock.to_iso(entry.at), "digest": entry.digest}
    return {**about, "record": msgspec.json.decode(entry.body)}


def _prediction_id(name: str) -> PredictionId | None:
    try:
        return parse(name)
    except NotFound:
        return None


def _version(project: Project, name: str, error: ShipworthyError) -> VersionLineage:
    try:
        return lineage_of_version(project.ledger, name, model=project.contract.name)
    except NotFound:
        raise error from None


def _body(path: Path) -> bytes:
    try:
        given = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"{path}: there is no such file; expected a row as JSON, or a list of rows") from None
    except msgspec.DecodeError as error:
        raise WrongUse(f"{path} is not JSON: {error}") from None
    rows = given if isinstance(given, list) else given.get("rows", [given]) if isinstance(given, dict) else None
    if not rows:
        raise WrongUse(f'{path}: expected a row (an object) as JSON, or a list of rows, or {{"rows": […]}}')
    return msgspec.json.encode({"rows": rows})


def _running(project: Project) -> str:
    holder = holder_of(project.layout.state)
    if holder is None:
        return "nothing runs; `shipworthy up` starts it"
    running = read_running(project.layout.state)
    where = f", answers at {running.server}" if running is not None else ""
    page = f", page at {running.page}" if running is not None and running.page else ""
    return f"{holder.command}, process {holder.pid}, since {clock.to_iso(holder.since)[:19]}Z{where}{page}"
