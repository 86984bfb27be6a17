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
    lineage_of_release,
    lineage_of_run,
)
from shipworthy.registry.names import entry_of
from shipworthy.registry.records import Release
from shipworthy.wiring.comparing import ShadowAnswer, shadow_answers
from shipworthy.wiring.predictions import PredictionFound, PredictionRemoved, find_prediction
from shipworthy.wiring.project import Project
from shipworthy.wiring.reaching import SHOWN, Forward, forward


class PredictionLineage(msgspec.Struct, frozen=True):
    """A prediction, and back from it."""

    prediction: PredictionFound | PredictionRemoved
    release: ReleaseLineage
    shadows: tuple[ShadowAnswer, ...] = ()  # what other releases would have said


Traced = PredictionLineage | ReleaseLineage | RunLineage | Forward


def trace(project: Project, name: str, limit: int = SHOWN) -> Traced:
    """Back from a prediction, a release or a run; forward from a data version, a commit, a lock or PACKAGE==VERSION.

    `limit`: ids of predictions that are given for a release, forward.
    """
    model, ledger = project.contract.name, project.ledger
    id_ = _prediction_id(name)
    if id_ is not None:
        found = find_prediction(project, id_)
        return PredictionLineage(found, lineage_of_release(ledger, model, id_.release), shadow_answers(project, id_))
    try:
        entry = entry_of(ledger, name, model=model)
    except (NotFound, WrongUse) as error:
        return _forward(project, name, limit, error)
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


def _forward(project: Project, name: str, limit: int, error: ShipworthyError) -> Forward:
    try:
        return forward(project, name, limit)
    except NotFound as other:
        raise (other if "==" in name else error) from None
