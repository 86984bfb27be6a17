"""An MLflow registry that others write to: what they registered is held against the gate, and aliases are put right.

A version that shipworthy did not make is looked at as `adopt` looks at it, and its verdicts are written onto it. An
alias that somebody moved by hand goes back to what passed the gate.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from shipworthy.errors import NotFound, ShipworthyError, Undecided, WrongUse
from shipworthy.gate.decision import CHECKS
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import HOLDOUT
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.fitness import fitness
from shipworthy.registry.records import Alias, Verdict
from shipworthy.trackers import outbox, telling
from shipworthy.trackers.mlflow import MlflowTracker
from shipworthy.trackers.records import Unreachable
from shipworthy.wiring.adopting import Request, adopt
from shipworthy.wiring.project import Project, Report, run_behind
from shipworthy.wiring.tracking import MLFLOW

_MIRRORED: tuple[Alias, ...] = ("live", "previous")


class Judged(msgspec.Struct, frozen=True):
    """A version of somebody else's, held against the gate."""

    version: str
    outcome: str  # passed, blocked, undecided
    reason: str
    adoption: str | None  # id of the report; None where it could not be looked at


class Watched(msgspec.Struct, frozen=True):
    """What a look at the registry came to."""

    model: str
    judged: tuple[Judged, ...]
    restored: tuple[str, ...]  # aliases that had been moved by hand, in words


def watch_registry(project: Project, report: Report, sample: Path | None = None) -> Watched:
    """Judge what is new in the registry, and put its aliases right. Undecided where it does not answer."""
    uri = os.environ.get(MLFLOW)
    if not uri:
        raise WrongUse(f"no MLflow registry is named: set {MLFLOW} to a tracking server")
    tracker = MlflowTracker(uri, project.ledger, project.objects)
    model = project.contract.name
    try:
        restored = _restored(project, tracker)
        versions = tracker.foreign_versions(model)
        judged = tuple(_judged(project, tracker, version, sample, report) for version in versions)
    except Unreachable as error:
        raise Undecided(f"could not decide: {error}") from None
    return Watched(model, judged, restored)


def _restored(project: Project, tracker: MlflowTracker) -> tuple[str, ...]:
    """Aliases that do not name what shipworthy's do."""
    words = []
    for alias in _MIRRORED:
        number = Aliases(project.ledger).current(project.contract.name, alias)
        if number is None:
            continue
        told = outbox.told(project.ledger, tracker.name, run_behind(project, number).id, project.contract.name)
        name = telling.ALIASES[alias]
        there = tracker.aliased(project.contract.name, name)
        if told is None or told.version is None or there == told.version:
            continue
        tracker.set_alias(project.contract.name, name, told.version)
        was = f"version {there}" if there is not None else "nothing"
        words.append(f"{name} named {was}, and names version {told.version} again, which is @{number}")
    return tuple(words)


def _judged(project: Project, tracker: MlflowTracker, version: str, sample: Path | None, report: Report) -> Judged:
    model = project.contract.name
    with tempfile.TemporaryDirectory(prefix="shipworthy-registry-") as work:
        request = Request(
            model=f"models:/{model}/{version}",
            folder=project.layout.project,
            sample=sample or _held_out(project, Path(work)),
            tracking_uri=tracker.place,
            name=model,
        )
        try:
            entry, adoption = adopt(request, report)
        except ShipworthyError as error:
            found = Judged(version, "undecided", " ".join(str(error).split())[:500], None)
            verdicts: tuple[Verdict, ...] = ()
        else:
            verdicts = tuple(adoption.verdicts)
            found = _answer(version, verdicts, entry.id)
    tags = {"shipworthy.gate": f"{found.outcome}: {found.reason}", **dict(map(telling.verdict_tag, verdicts))}
    tracker.tag_version(model, version, {**tags, **({"shipworthy.adoption": found.adoption} if found.adoption else {})})
    return found


def _answer(version: str, verdicts: tuple[Verdict, ...], adoption: str) -> Judged:
    fit = fitness(verdicts, CHECKS)
    against = fit.blocked or fit.undecided
    outcome = "blocked" if fit.blocked else "undecided" if fit.undecided else "passed"
    reason = "; ".join(f"{each.check}: {each.reason}" for each in against) or "every check has passed"
    return Judged(version, outcome, reason, adoption)


def _held_out(project: Project, work: Path) -> Path:
    """The labelled rows that the newest run held out."""
    newest = project.ledger.newest("run", project.contract.name)
    if newest is None:
        raise NotFound(f"{project.contract.name} has no run whose rows could be asked about; --sample names some")
    file = next(each for each in newest.decode(Run).files if each.path == HOLDOUT)
    target = work / HOLDOUT
    project.objects.fetch(file.digest, target)
    return target
