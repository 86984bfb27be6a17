"""Where something came from, and a record as it stands."""

from __future__ import annotations

from typing import Any

import msgspec

from shipworthy import clock
from shipworthy.errors import NotFound, ShipworthyError, WrongUse
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
from shipworthy.wiring.comparing import ShadowAnswer, shadow_answers
from shipworthy.wiring.predictions import PredictionFound, PredictionRemoved, find_prediction
from shipworthy.wiring.project import Project


class PredictionLineage(msgspec.Struct, frozen=True):
    """A prediction, and back from it."""

    prediction: PredictionFound | PredictionRemoved
    release: ReleaseLineage
    shadows: tuple[ShadowAnswer, ...] = ()  # what other releases would have said


Traced = PredictionLineage | ReleaseLineage | RunLineage | VersionLineage


def trace(project: Project, name: str) -> Traced:
    """Where a prediction, release, run or data version came from, and what came of it."""
    model, ledger = project.contract.name, project.ledger
    id_ = _prediction_id(name)
    if id_ is not None:
        found = find_prediction(project, id_)
        return PredictionLineage(found, lineage_of_release(ledger, model, id_.release), shadow_answers(project, id_))
    try:
        entry = entry_of(ledger, name, model=model)
    except (NotFound, WrongUse) as error:
        return _version(project, name, error)
    if entry.kind == "release":
        return lineage_of_release(ledger, model, entry.decode(Release).number)
    if entry.subject.isdecimal():  # an alarm, evidence, quality: of a release's windows
        return lineage_of_release(ledger, model, int(entry.subject))
    if entry.kind != "run" and not entry.subject.startswith("run-"):
        raise WrongUse(
            f"{name} is of kind {entry.kind}, which came from nothing that lineage follows; `shipworthy show {name}` "
            "prints it"
        )
    return lineage_of_run(ledger, entry if entry.kind == "run" else ledger.get(entry.subject))


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
