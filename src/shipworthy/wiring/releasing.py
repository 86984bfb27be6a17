"""Releasing a run, waiving a check, going back."""

from __future__ import annotations

from shipworthy import clock
from shipworthy.adoption.records import Judged
from shipworthy.errors import Refused, WrongUse
from shipworthy.gate.decision import CHECKS
from shipworthy.gate.waivers import Wish, write_waiver
from shipworthy.lineage.records import Run
from shipworthy.recording.translation import missing
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.attesting import hold
from shipworthy.registry.names import entry_of, release_of, run_of
from shipworthy.registry.records import AliasChange, Release, Retirement, Waiver
from shipworthy.registry.releases import Evidence, Releases
from shipworthy.registry.retiring import Wish as Ending
from shipworthy.registry.retiring import retire
from shipworthy.store.ledger import Entry
from shipworthy.training.proof import earlier_proof
from shipworthy.training.wheels import keep_wheels
from shipworthy.wiring.adopted_release import run_of_adoption
from shipworthy.wiring.checking import decision_of
from shipworthy.wiring.keys import own_key, trusted_keys, who
from shipworthy.wiring.project import Project

SHADOW_CHECKS = ("data", "rebuild", "runtime")  # without them it would not be the model that is to be released


def release_run(
    project: Project, name: str, because: str = "released", *, shadow: bool = False, unproven: bool = False
) -> Release:
    """Release a run that the gate lets through and make it live, or the shadow of the live one.

    Refused or Undecided, with the reasons, otherwise. A shadow answers nobody: it needs SHADOW_CHECKS alone.
    """
    entry = _to_release(project, name, unproven=unproven)
    return release_entry(project, entry, because, shadow=shadow)


def release_entry(project: Project, entry: Entry, because: str, *, shadow: bool = False) -> Release:
    """The same, of a run that is known already."""
    run = entry.decode(Run)
    decision = decision_of(project, entry)
    rebuilt = project.ledger.newest("rebuild", run.model, subject=entry.id)
    for each in (entry, rebuilt):
        if each is not None:  # what was signed as it was made has to be what is released now
            hold(project.ledger, each, trusted_keys())
    if run.contract.gate.rebuild.wheels == "keep":
        keep_wheels(entry, project.state)  # first: a release that cannot be built again is none
    stands_on = None if rebuilt else earlier_proof(project.ledger, entry)
    evidence = Evidence(
        decision.verdicts, CHECKS, rebuilt.id if rebuilt else None, stands_on.rebuild if stands_on else None
    )
    releases = Releases(project.ledger, project.objects)
    wanted = SHADOW_CHECKS if shadow else None
    made = releases.release(entry, evidence, own_key(), shadow=wanted).decode(Release)
    if shadow:
        start_shadow(project, made.number, because)
        return made
    releases.materialise(project.layout, run.model, made.number, trusted_keys())
    Aliases(project.ledger).promote(run.model, made.number, because=because, by=who())
    return made


def _to_release(project: Project, name: str, *, unproven: bool) -> Entry:
    """A run, or what stands for one where a model was adopted: that by a person's word alone."""
    named = entry_of(project.ledger, name, model=project.contract.name)
    if named.kind != "adoption":
        return run_of(project.ledger, name, model=project.contract.name)
    if not unproven:
        raise Refused(
            f"{named.id} is a model that was adopted, and no training is attached: nobody can make it again. "
            f"`shipworthy release {named.id} --unproven` releases it as it is, signed as unproven"
        )
    judged = project.ledger.newest("judged", named.model, subject=named.id)  # of a version of a registry
    return run_of_adoption(project, named, () if judged is None else judged.decode(Judged).verdicts)


def start_shadow(project: Project, number: int, because: str) -> None:
    """Have a release run beside the live one. Refused where it needs what the live one's callers do not send."""
    model, releases = project.contract.name, Releases(project.ledger, project.objects)
    live = Aliases(project.ledger).current(model, "live")
    verified = releases.materialise(project.layout, model, number, trusted_keys())
    if live is not None:
        answering = releases.materialise(project.layout, model, live, trusted_keys())
        lacking = missing(answering.description.features, verified.description.features)
        if lacking:
            raise Refused(
                f"{model}@{number} needs {', '.join(lacking)}, which callers of @{live} do not send; as a shadow it "
                "can only be asked what the live release is asked. Make it nullable, or give it a default"
            )
    Aliases(project.ledger).shadow(model, number, because=because, by=who())


def end_shadow(project: Project, because: str) -> int:
    """Have no shadow from now on; what it has said is kept. Returns its number."""
    return Aliases(project.ledger).end_shadow(project.contract.name, because=because, by=who())


def waive_check(project: Project, check: str, until: str, because: str) -> Waiver:
    """Let a check pass until a date."""
    try:
        instant = clock.from_iso(until)
    except ValueError:
        raise WrongUse(f"--until {until}: expected a date such as 2027-01-31") from None
    wish = Wish(project.contract.name, check, instant, because, who())
    return write_waiver(project.ledger, wish, own_key()).decode(Waiver)


def roll_back(project: Project, because: str) -> AliasChange:
    """Make the previous release live again; its files are verified first."""
    model, aliases = project.contract.name, Aliases(project.ledger)
    before, target = aliases.current(model, "live"), aliases.current(model, "previous")
    if target is None:
        raise Refused(f"{model} has no previous release to go back to; nothing was changed")
    Releases(project.ledger, project.objects).materialise(project.layout, model, target, trusted_keys())
    now = aliases.rollback(model, because=because, by=who())
    return AliasChange("live", now, before, because, who())


def retire_release(project: Project, name: str, because: str) -> Retirement:
    """Retire a release, so that what it was built from may go."""
    release = release_of(project.ledger, name, model=project.contract.name).decode(Release)
    return retire(project.ledger, Ending(release.model, release.number, because, who()), own_key()).decode(Retirement)
