"""An MLflow registry that others write to: what they registered goes through the gate, and aliases are put right.

A version that shipworthy did not make is looked at as `adopt` looks at it, and what the gate says is written onto it.
Where nothing stands against it, or people answer for what does, it is released, unproven and signed so, and only then
does the alias name it. An alias that somebody moved by hand goes back to what passed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import msgspec

from shipworthy.adoption.records import Judged
from shipworthy.errors import NotFound, ShipworthyError, Undecided, WrongUse
from shipworthy.gate.decision import Decision, decide
from shipworthy.gate.waivers import waivers
from shipworthy.lineage.records import Registered, Run
from shipworthy.models.bundle import HOLDOUT
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.records import Alias
from shipworthy.store.ledger import Entry
from shipworthy.trackers import outbox, telling
from shipworthy.trackers.mlflow import MlflowTracker
from shipworthy.trackers.records import Unreachable
from shipworthy.wiring.adopted_release import run_of_adoption
from shipworthy.wiring.adopting import Request, adopt
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project, Report, run_behind
from shipworthy.wiring.registry_judging import judge
from shipworthy.wiring.releasing import release_entry
from shipworthy.wiring.tracking import MLFLOW

KIND = "judged"
VERSION = 1
GATE = "shipworthy.gate"  # the tag that says what came of a version
_MIRRORED: tuple[Alias, ...] = ("live", "previous")
_OUTCOMES = {"ship": "passed", "hold": "blocked", "undecided": "undecided"}


class Found(msgspec.Struct, frozen=True):
    """What came of a version of somebody else's."""

    version: str
    outcome: str  # passed, blocked, undecided
    reason: str
    adoption: str | None  # id of the report; None where it could not be looked at
    release: int | None = None  # that it was released as


class Watched(msgspec.Struct, frozen=True):
    """What a look at the registry came to."""

    model: str
    judged: tuple[Found, ...]  # those that are new, and those that are released now
    restored: tuple[str, ...]  # aliases that had been moved by hand, in words


def watch_registry(project: Project, report: Report, sample: Path | None = None) -> Watched:
    """Judge what is new in the registry, release what passes, and put its aliases right. Undecided where it does not
    answer.
    """
    uri = os.environ.get(MLFLOW)
    if not uri:
        raise WrongUse(f"no MLflow registry is named: set {MLFLOW} to a tracking server")
    tracker = MlflowTracker(uri, project.ledger, project.objects)
    model = project.contract.name
    try:
        restored = _restored(project, tracker)
        new = tracker.foreign_versions(model)
        unread = [found for version in new if (found := _judged(project, tracker, version, sample, report)) is not None]
        decided = [found for entry in _waiting(project, tracker) if (found := _decided(project, tracker, entry, new))]
    except Unreachable as error:
        raise Undecided(f"could not decide: {error}") from None
    judged = sorted([*unread, *decided], key=lambda found: int(found.version))
    return Watched(model, tuple(judged), restored)


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


def _judged(
    project: Project, tracker: MlflowTracker, version: str, sample: Path | None, report: Report
) -> Found | None:
    """Every check made of a new version, and kept; where that cannot be done, why."""
    model = project.contract.name
    with tempfile.TemporaryDirectory(prefix="shipworthy-registry-") as work:
        try:
            rows = sample or _held_out(project, Path(work))
            request = Request(
                model=f"models:/{model}/{version}",
                folder=project.layout.project,
                sample=rows,
                tracking_uri=tracker.place,
                name=model,
                serving=project.contract.serving,
            )
            entry, _ = adopt(request, report)
            verdicts = judge(project, entry, rows)
        except NotFound:
            raise
        except ShipworthyError as error:
            found = Found(version, "undecided", " ".join(str(error).split())[:500], None)
            _tag(tracker, model, found)
            return found
    made = Judged(VERSION, Registered(tracker.place, version), entry.id, verdicts)
    project.ledger.append_once(KIND, model, made, subject=entry.id, key=f"{tracker.place}:{version}")
    tracker.tag_version(model, version, dict(map(telling.verdict_tag, verdicts)))
    return None


def _waiting(project: Project, tracker: MlflowTracker) -> list[Entry]:
    """Versions that were judged and are not released, oldest first; none that is older than what is live there."""
    ledger, model = project.ledger, project.contract.name
    live = Aliases(ledger).current(model, "live")
    behind = None if live is None else outbox.told(ledger, tracker.name, run_behind(project, live).id, model)
    after = int(behind.version) if behind is not None and behind.version is not None else 0
    entries = [(each.decode(Judged).registered, each) for each in ledger.entries(KIND, model)]
    here = [(int(at.version), each) for at, each in entries if at.place == tracker.place and int(at.version) > after]
    return [each for _, each in sorted(here, key=lambda pair: pair[0])]


def _decided(project: Project, tracker: MlflowTracker, entry: Entry, new: list[str]) -> Found | None:
    """What the gate says now, and the release where nothing stands against it. None: nothing has changed."""
    model, made = project.contract.name, entry.decode(Judged)
    held = waivers(project.ledger, model, trusted_keys())
    # People may answer for what cannot be known of a version without its training, not for what is known to be wrong.
    open_ = {verdict.check for verdict in made.verdicts if verdict.outcome != "blocked"}
    standing = {check: waiver for check, waiver in held.standing.items() if check in open_}
    decision = decide(made.verdicts, "block", standing, held.expired)
    if not decision.ships and made.registered.version not in new:
        return None
    number = _released(project, made) if decision.ships else None
    found = Found(made.registered.version, *_said(decision, made.adoption), made.adoption, number)
    _tag(tracker, model, found)
    return found


def _released(project: Project, made: Judged) -> int:
    run = run_of_adoption(project, project.ledger.get(made.adoption), made.verdicts)
    assert run.decode(Run).registered == made.registered
    because = f"version {made.registered.version} of the registry passed the gate"
    return release_entry(project, run, because).number


def _said(decision: Decision, adoption: str) -> tuple[str, str]:
    outcome, reason = _OUTCOMES[decision.answer], "; ".join(decision.reason.splitlines())
    if outcome == "undecided":
        reason += (
            f". It is released once somebody answers for these (`shipworthy waive CHECK …`, for each of "
            f"{', '.join(decision.against)}), or by hand: `shipworthy release {adoption} --unproven`"
        )
    return outcome, reason


def _tag(tracker: MlflowTracker, model: str, found: Found) -> None:
    adoption = {"shipworthy.adoption": found.adoption} if found.adoption else {}
    tracker.tag_version(model, found.version, {GATE: f"{found.outcome}: {found.reason}", **adoption})


def _held_out(project: Project, work: Path) -> Path:
    """The labelled rows that the newest training held out."""
    for entry in project.ledger.entries("run", project.contract.name):
        file = next((each for each in entry.decode(Run).files if each.path == HOLDOUT), None)
        if file is not None:
            target = work / HOLDOUT
            project.objects.fetch(file.digest, target)
            return target
    raise NotFound(f"{project.contract.name} has no run whose rows could be asked about; --sample names some")
