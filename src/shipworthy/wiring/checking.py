"""The gate's checks, made: evidence is gathered here, judged by pure functions, and kept as verdicts."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from shipworthy.counts import reference as counting
from shipworthy.environments.workplace import workplace
from shipworthy.errors import Undecided, WrongUse
from shipworthy.gate import ml_test_score as sheet
from shipworthy.gate.checks import (
    alerting,
    compatibility,
    latency,
    purpose,
    rebuild,
    reference,
    runtime,
)
from shipworthy.gate.decision import Decision, decide
from shipworthy.gate.waivers import waivers
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.models.bundle import Bundle
from shipworthy.monitoring.records import Drill
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.manifest import REFERENCE_FILE
from shipworthy.registry.names import run_of
from shipworthy.registry.records import Verdict
from shipworthy.rehearsal.load import Target
from shipworthy.rehearsal.payloads import from_columns
from shipworthy.rehearsal.sla import verify
from shipworthy.serving.launch import rehearse_server
from shipworthy.store.ledger import Entry
from shipworthy.training.proof import earlier_proof
from shipworthy.training.rebuild import beyond_budget
from shipworthy.wiring.drilling import make_drill, reference_of_run, standing_drill
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project, Report, run_behind
from shipworthy.wiring.quality import Rows, data_verdict, quality_verdict, read_rows
from shipworthy.wiring.rehearsing import rehearsal_verdict
from shipworthy.wiring.skewing import skew_verdict
from shipworthy.wiring.workers import worker_command

BODIES = 2_000  # different requests of a measurement
TRIES = 3  # of a measurement that could not decide


class Checked(msgspec.Struct, frozen=True):
    """What the gate says to a run."""

    run: str
    outcome: str  # passed, blocked, undecided
    reason: str
    verdicts: tuple[Verdict, ...]  # waivers applied
    score: float  # ML Test Score
    score_sheet: sheet.Score


@dataclass(frozen=True, slots=True)
class Checking:
    """One run under check."""

    project: Project
    entry: Entry
    run: Run
    bundle: Bundle
    command: tuple[str, ...]  # of a worker that can serve it
    work: Path
    rows: Rows | None  # the training data again; None where it is gone


def check_run(project: Project, name: str, report: Report) -> Checked:
    """Make every check of a run anew and keep the verdicts."""
    entry = run_of(project.ledger, name, model=project.contract.name)
    run = entry.decode(Run)
    if run.adopted is not None:
        raise WrongUse(
            f"{entry.id} was adopted: {run.adopted} holds what can be checked of it without its training. Write "
            "model.train and [data.NAME] into the contract, `shipworthy train`, and check that run"
        )
    with workplace(project.layout.work(), "check") as work:
        report("check data and quality", None)
        project.objects.materialise(run.files, work / "bundle")
        bundle = Bundle.open(work / "bundle")
        command = worker_command(bundle.description, run.environment.lock, run.code.digest, project.objects)
        checking = Checking(project, entry, run, bundle, command, work, read_rows(project, run))
        verdicts = [
            purpose.purpose(run.contract.purpose),
            data_verdict(run, checking.rows),
            quality_verdict(project, run, bundle, checking.rows, work, command),
            _rebuild(checking),
        ]
        report(f"measure the SLA: {run.contract.serving.rate:g} requests/s", None)
        verdicts += [_latency(checking), runtime.runtime(bundle.description)]
        verdicts.append(rehearsal_verdict(project, run.contract, run.started))
        report("drill an alarm", None)
        verdicts += [
            _reference(checking),
            _alerting(checking),
            skew_verdict(project, run.contract, entry.id),
            _compatibility(checking),
        ]
    for verdict in verdicts:
        project.ledger.append("verdict", run.model, verdict, subject=entry.id)
    return _checked(project, entry, run, verdicts)


def decision_of(project: Project, entry: Entry) -> Decision:
    """What follows from a run's verdicts as they stand, waivers applied."""
    run = entry.decode(Run)
    newest: dict[str, Verdict] = {}
    for found in reversed(project.ledger.entries("verdict", run.model, subject=entry.id)):
        verdict = found.decode(Verdict)
        newest[verdict.check] = verdict
    held = waivers(project.ledger, run.model, trusted_keys())
    return decide(tuple(newest.values()), run.contract.gate.enforcement, held.standing, held.expired)


def _checked(project: Project, entry: Entry, run: Run, verdicts: list[Verdict]) -> Checked:
    decision = decision_of(project, entry)
    outcome = {"ship": "passed", "hold": "blocked", "undecided": "undecided"}[decision.answer]
    evidence = sheet.Evidence(
        contract=run.contract,
        verdicts={verdict.check: verdict for verdict in verdicts},
        commit=run.code.commit,
        dirty=run.code.dirty,
        watched_windows=len(project.ledger.entries("evidence", run.model)),
        labelled_windows=len(project.ledger.entries("quality", run.model)),
        previous=Aliases(project.ledger).current(run.model, "previous") is not None,
    )
    score = sheet.ml_test_score(evidence)
    return Checked(entry.id, outcome, decision.reason, decision.verdicts, score.score, score)


def _rebuild(checking: Checking) -> Verdict:
    found = checking.project.ledger.newest("rebuild", checking.run.model, subject=checking.entry.id)
    rule = checking.run.contract.gate.rebuild
    return rebuild.rebuild(
        rule,
        found.decode(Rebuild) if found else None,
        found.id if found else None,
        because=beyond_budget(checking.run),
        earlier=earlier_proof(checking.project.ledger, checking.entry),
    )


def _latency(checking: Checking) -> Verdict:
    """The SLA with this very model; measured again, a few times, where the machine was too busy to tell."""
    verdict = _measured(checking, 0)
    for seed in range(1, TRIES):
        if verdict.outcome != "undecided":
            break
        verdict = _measured(checking, seed)
    return verdict


def _measured(checking: Checking, seed: int) -> Verdict:
    contract = checking.run.contract
    features = checking.bundle.description.features
    bodies = from_columns(features, checking.bundle.probes(), BODIES)
    began = time.monotonic()
    try:
        with rehearse_server(checking.bundle.folder, contract, checking.work, command=checking.command) as url:
            ready_ms = 1000 * (time.monotonic() - began)
            found = verify(
                Target(f"{url}/predict", bodies),
                contract.serving,
                confidence=contract.gate.confidence,
                seed=seed,
                roots=(os.getpid(),),
                ready_ms=ready_ms,
            )
    except Undecided as error:
        return Verdict(latency.CHECK, "undecided", str(error))
    return latency.latency(contract.serving, found, contract.gate.confidence)


def _reference(checking: Checking) -> Verdict:
    path = checking.bundle.folder / REFERENCE_FILE
    found = counting.decode(path.read_bytes()) if path.is_file() else None
    return reference.reference(checking.run.contract.monitoring, found)


def _alerting(checking: Checking) -> Verdict:
    """By the drill that stands, else by one that is made now, with the run's own reference."""
    project = checking.project
    entry = standing_drill(project)
    if entry is None:
        found = reference_of_run(project, checking.run)
        entry = None if found is None else make_drill(project, found, checking.entry.id)
    return alerting.alerting(None) if entry is None else alerting.alerting(entry.decode(Drill), entry.id)


def _compatibility(checking: Checking) -> Verdict:
    project, contract = checking.project, checking.run.contract
    live = Aliases(project.ledger).current(contract.name, "live")
    if live is None:
        return compatibility.compatibility(None, contract)
    released = run_behind(replace(project, contract=contract), live).decode(Run)
    return compatibility.compatibility(released.contract, contract)
