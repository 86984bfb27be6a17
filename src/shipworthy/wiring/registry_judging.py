"""A version that somebody else registered, held against the checks of the gate that need no training."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from shipworthy.adoption.records import Adoption
from shipworthy.contract.records import Contract
from shipworthy.contract.sample import read_sample
from shipworthy.counts import reference as counting
from shipworthy.errors import ShipworthyError
from shipworthy.gate.checks import alerting, latency, quality, rehearsal, skew
from shipworthy.models.bundle import Bundle
from shipworthy.models.columns import column_of
from shipworthy.monitoring.records import Drill
from shipworthy.registry.manifest import REFERENCE_FILE
from shipworthy.registry.records import Verdict
from shipworthy.store.ledger import Entry
from shipworthy.wiring.adopted_release import promised, verdicts_of
from shipworthy.wiring.adopted_verdicts import latency_of
from shipworthy.wiring.answering import answers
from shipworthy.wiring.checking import TRIES
from shipworthy.wiring.drilling import make_drill, standing_drill
from shipworthy.wiring.project import Project
from shipworthy.wiring.quality import answers_of_baseline, answers_of_live
from shipworthy.wiring.rehearsing import rehearsal_verdict
from shipworthy.wiring.skewing import skew_verdict
from shipworthy.wiring.workers import worker_command

MOST = 20_000  # rows of the sample, the newest of them, that both are asked about
_SEEN = "nobody knows whether it was trained on these rows, so that this is no proof"


def judge(project: Project, entry: Entry, sample: Path) -> tuple[Verdict, ...]:
    """One verdict a check, of an adopted version under the project's contract. WrongUse where it takes other inputs.

    `sample` is a file of rows with the truth.
    """
    adoption = entry.decode(Adoption)
    contract = promised(project.contract, adoption, entry.id)
    made = {verdict.check: verdict for verdict in verdicts_of(project, entry)}
    project = replace(project, contract=contract)
    with tempfile.TemporaryDirectory(prefix="shipworthy-judge-") as work:
        project.objects.materialise(adoption.files, Path(work, "bundle"))
        bundle = Bundle.open(Path(work, "bundle"))
        made[quality.CHECK] = _quality(project, adoption, bundle, read_sample(sample), Path(work))
        made[alerting.CHECK] = _alerting(project, entry, bundle)
        made[latency.CHECK] = _latency(made[latency.CHECK], project, adoption, bundle, Path(work))
    made[skew.CHECK] = skew_verdict(project, contract, entry.id)
    rehearsed = rehearsal_verdict(project, project.contract, entry.at)  # the SLA was promised before this version came
    if rehearsed.outcome == "passed":
        made[rehearsal.CHECK] = rehearsed
    return tuple(made.values())


def _quality(project: Project, adoption: Adoption, bundle: Bundle, table: pa.Table, work: Path) -> Verdict:
    """Beside the live release and the baseline, on the same rows: what is worse there is worse, whatever it was trained
    on; what is better may only have seen them.
    """
    contract = project.contract
    target = _target(contract, adoption, table)
    if target is None:
        return Verdict(quality.CHECK, "undecided", "the sample holds no column with the truth")
    rows = table.filter(pc.is_valid(table[target]))
    rows = rows.slice(max(0, rows.num_rows - MOST))
    try:
        held = _held(project, adoption, bundle, rows, target, work)
        found = quality.quality(contract.gate, held, contract.purpose.baseline)
    except ShipworthyError as error:
        return Verdict(quality.CHECK, "undecided", str(error))
    if found.outcome != "passed":
        return found
    return Verdict(quality.CHECK, "undecided", f"{found.reason}; {_SEEN}", found.figures)


def _held(
    project: Project, adoption: Adoption, bundle: Bundle, rows: pa.Table, target: str, work: Path
) -> quality.HeldOut:
    contract = project.contract
    command = worker_command(bundle.description, adoption.surroundings.lock, "", project.objects)
    truth, classes = column_of(rows, target), bundle.description.classes
    live, live_classes = answers_of_live(project, contract, rows, work)
    trivial = answers_of_baseline(contract.purpose.baseline, classes, truth, truth, rows)
    said = answers(bundle, contract, rows, work, command)
    return quality.HeldOut(truth, classes, said, trivial, live, live_classes)


def _target(contract: Contract, adoption: Adoption, table: pa.Table) -> str | None:
    source = contract.target_source
    named = (None if source is None else source.target, adoption.labels)
    return next((name for name in named if name is not None and name in table.column_names), None)


def _latency(verdict: Verdict, project: Project, adoption: Adoption, bundle: Bundle, work: Path) -> Verdict:
    """Measured again where the machine was too busy to tell."""
    for _ in range(TRIES - 1):
        if verdict.outcome != "undecided":
            break
        lock = work / "lock"
        project.objects.fetch(adoption.surroundings.lock, lock)
        verdict, _ = latency_of(bundle, project.contract, lock, work)
    return verdict


def _alerting(project: Project, entry: Entry, bundle: Bundle) -> Verdict:
    """By the drill that stands, else by one against what the version's answers would be compared with."""
    drill, path = standing_drill(project), bundle.folder / REFERENCE_FILE
    if drill is None and path.is_file():
        drill = make_drill(project, counting.decode(path.read_bytes()), entry.id)
    return alerting.alerting(None) if drill is None else alerting.alerting(drill.decode(Drill), drill.id)
