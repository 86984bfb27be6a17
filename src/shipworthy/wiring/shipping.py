"""`ship`: train, rebuild, check, release, going on where an earlier one stopped."""

from __future__ import annotations

import msgspec

from shipworthy import clock
from shipworthy.environments import snapshot
from shipworthy.gate.checks import purpose
from shipworthy.gate.decision import Decision, decide
from shipworthy.gate.waivers import waivers
from shipworthy.lineage.records import Run
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.attesting import hold
from shipworthy.registry.records import AliasChange, Release, Verdict
from shipworthy.store.ledger import Entry
from shipworthy.training import making, sources
from shipworthy.training.proof import earlier_proof
from shipworthy.training.rebuild import beyond_budget, rebuild
from shipworthy.wiring.adopted_release import attached
from shipworthy.wiring.checking import check_run
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project, Report, run_behind
from shipworthy.wiring.rehearsing import rehearsal_verdict
from shipworthy.wiring.releasing import release_run
from shipworthy.wiring.training import prove_like, train_project

SHOWN = 3  # changed files that are named


class Shipped(msgspec.Struct, frozen=True):
    """How far it came."""

    run: str
    outcome: str  # passed, blocked, undecided
    reason: str
    verdicts: tuple[Verdict, ...]
    release: int | None  # of this run
    live: int | None  # the release that answers now


def ship_project(project: Project, report: Report) -> Shipped:
    """Bring the project as it is now into production, or say what stands against it."""
    entry = unfinished(project, report) or train_project(project, report)
    released = project.ledger.newest("release", entry.model, subject=entry.id)
    if released is not None and not released.decode(Release).shadow:
        return _released_before(project, entry, released.decode(Release))
    hold(project.ledger, entry, trusted_keys())  # somebody else may have trained: said before minutes of proving it
    prove(project, entry, report)
    prove_adopted(project, entry, report)
    checked = check_run(project, entry.id, report)
    number = None
    if checked.outcome == "passed":
        report("release", None)
        number = release_run(project, entry.id).number
    return Shipped(entry.id, checked.outcome, checked.reason, checked.verdicts, number, _live(project))


def foreseen(project: Project) -> tuple[str, ...]:
    """What is known to stand against a release before a minute of training and measuring, a sentence a check."""
    contract = project.contract
    decision = _decided(project, purpose.purpose(contract.purpose), rehearsal_verdict(project, contract, clock.now()))
    stands = () if decision.ships else decision.verdicts
    return tuple(
        f"the check {each.check} will not pass: {each.reason}" for each in stands if each.check in decision.against
    )


def _decided(project: Project, *verdicts: Verdict) -> Decision:
    """What follows from some verdicts alone, waivers and the contract's enforcement applied."""
    held = waivers(project.ledger, project.contract.name, trusted_keys())
    return decide(verdicts, project.contract.gate.enforcement, held.standing, held.expired, required=())


def _released_before(project: Project, entry: Entry, made: Release) -> Shipped:
    """A ship that was killed between a release and its alias is finished; a release that was rolled back stays so."""
    was_live = {change.decode(AliasChange).release for change in Aliases(project.ledger).history(entry.model)}
    reason = "released before; nothing has changed since"
    if made.number not in was_live:
        release_run(project, entry.id)
        reason = "released before, and live from now on"
    live = _live(project)
    if live != made.number:
        back = f"`shipworthy release {entry.id}` makes it live again"
        reason = f"released before as @{made.number}; @{live} was made live since then: {back}"
    return Shipped(entry.id, "passed", reason, made.verdicts, made.number, live)


def _live(project: Project) -> int | None:
    return Aliases(project.ledger).current(project.contract.name, "live")


def prove(project: Project, entry: Entry, report: Report) -> Entry | None:
    """Rebuild a run unless it has been, or the contract does not ask for it, or allows less time than it takes.

    What then stands or does not stand for it, the gate says.
    """
    run = entry.decode(Run)
    if run.contract.gate.rebuild.when == "off":
        return None
    standing = project.ledger.newest("rebuild", entry.model, subject=entry.id)
    if standing is None and (earlier_proof(project.ledger, entry) or beyond_budget(run)):
        return None
    return standing or rebuild(entry, project.state, report=report)


def prove_adopted(project: Project, entry: Entry, report: Report) -> Entry | None:
    """Where an adopted model is live, hold what this run's training makes against it, once."""
    live = _live(project)
    adopted = None if live is None else run_behind(project, live)
    if adopted is None or adopted.decode(Run).adopted is None or entry.decode(Run).adopted is not None:
        return None
    return prove_like(project, attached(project, adopted), adopted, report, key=f"{adopted.id}:{entry.id}")


def unfinished(project: Project, report: Report) -> Entry | None:
    """The newest run, where it was made from just what lies here now."""
    report("compare with the newest run", None)
    newest = project.ledger.newest("run", project.contract.name)
    if newest is None:
        return None
    run = newest.decode(Run)
    why = _changed(project, run) or _rehearsed_since(project, newest, run)
    if why:
        report(f"train anew: {why}", None)
    return None if why else newest


def _rehearsed_since(project: Project, newest: Entry, run: Run) -> str:
    """Why a run cannot be released whatever the other checks say, where training again mends that; "" elsewhere."""
    verdict = rehearsal_verdict(project, run.contract, run.started)
    if verdict.outcome == "passed" or run.adopted is not None:
        return ""
    if project.ledger.newest("release", newest.model, subject=newest.id) is not None:
        return ""
    if rehearsal_verdict(project, run.contract, clock.now()).outcome != "passed":
        return ""
    return "" if _decided(project, verdict).ships else "the SLA was rehearsed only after the newest run was trained"


def _changed(project: Project, run: Run) -> str:
    """What lies here otherwise than the run was made from, in words; "" where nothing does."""
    if run.contract.digest != project.contract.digest or run.parameters != project.contract.parameters:
        return "the contract is another than that of the newest run"
    root, objects = project.layout.project, project.objects
    changed = snapshot.changes(run.code.files, snapshot.of_project(root, project.contract, objects).files)
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        return f"the code is another than that of the newest run: {', '.join(changed[:SHOWN])}{more}"
    if objects.put_file(making.lock_of(project.contract, root)) != run.environment.lock:
        return "the environment is another than that of the newest run"
    return "" if _same_data(project, run) else "the data are others than those of the newest run"


def _same_data(project: Project, run: Run) -> bool:
    root, objects = project.layout.project, project.objects
    now = {source.name: sources.read(source, root, objects).pin for source in project.contract.data}
    return now.keys() == {pin.name for pin in run.data} and all(sources.same(now[pin.name], pin) for pin in run.data)
