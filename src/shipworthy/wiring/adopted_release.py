"""Releasing a model that was adopted: as it is, unproven and signed so, until its training is attached."""

from __future__ import annotations

import io
import math
import platform
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from shipworthy.adoption.records import Adoption
from shipworthy.contract.records import Contract, Feature, Value
from shipworthy.environments.requirements import versions
from shipworthy.errors import Refused, Undecided, WrongUse
from shipworthy.gate.checks import compatibility, latency, purpose
from shipworthy.lineage.records import CodeSnapshot, Environment, Run
from shipworthy.models.bundle import MODEL, PROBE_ANSWERS
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.attesting import record_run_once
from shipworthy.registry.records import Verdict
from shipworthy.store.ledger import Entry
from shipworthy.store.objects import tree_digest
from shipworthy.training.making import digest_of_answers
from shipworthy.wiring.keys import own_key
from shipworthy.wiring.project import Project, run_behind

NOT_TRAINED = "not trained here"


def run_of_adoption(project: Project, entry: Entry, judged: Sequence[Verdict] = ()) -> Entry:
    """The record that stands where a training's would: what was adopted, under the project's contract, with the checks
    that can be made of it, or those of `judged`. One a contract. WrongUse where the contract is of other inputs, or
    another model.
    """
    adoption = entry.decode(Adoption)
    contract = promised(project.contract, adoption, entry.id)
    key = f"{entry.id}:{contract.digest[:16]}"
    made = record_run_once(project.ledger, _run(project, contract, adoption, entry), own_key(), key=key)
    for verdict in judged or verdicts_of(project, entry):
        project.ledger.append("verdict", contract.name, verdict, subject=made.id)
    return made


def verdicts_of(project: Project, entry: Entry) -> tuple[Verdict, ...]:
    """Those of the report; purpose, latency and compatibility are of the contract as it stands now. WrongUse."""
    adoption = entry.decode(Adoption)
    contract = promised(project.contract, adoption, entry.id)
    live = Aliases(project.ledger).current(contract.name, "live")
    released = None if live is None else run_behind(project, live).decode(Run).contract
    anew = (
        purpose.purpose(contract.purpose),
        latency.latency(contract.serving, adoption.latency, contract.gate.confidence),
        compatibility.compatibility(released, contract),
    )
    taken = {verdict.check for verdict in anew}
    return (*(verdict for verdict in adoption.verdicts if verdict.check not in taken), *anew)


def attached(project: Project, adopted: Entry) -> Entry:
    """The training that is attached to an adopted model: the newest run of it here. Undecided without one, Refused
    where that takes other inputs.
    """
    model = adopted.model
    trained = next((each for each in project.ledger.entries("run", model) if each.decode(Run).adopted is None), None)
    if trained is None:
        raise Undecided(
            f"could not decide: no training is attached to {adopted.id}, which was adopted: write model.train and "
            "[data.NAME] into the contract, then `shipworthy train`, and this again"
        )
    then, now = ({f.name for f in each.decode(Run).contract.features} for each in (adopted, trained))
    if then != now:
        raise Refused(
            f"{trained.id} is no training of what was adopted: it takes other inputs ({', '.join(sorted(then ^ now))})"
        )
    return trained


def promised(contract: Contract, adoption: Adoption, name: str) -> Contract:
    """The project's contract, its features in the adopted model's own order. WrongUse where it takes other ones."""
    taken = {feature.name: feature for feature in adoption.bundle.features}
    written = {feature.name: feature for feature in contract.features}
    if contract.name != adoption.bundle.model:
        raise WrongUse(f"model.name = {contract.name!r}: {name} was adopted as {adoption.bundle.model!r}")
    wrong = sorted(taken.keys() ^ written.keys()) or [
        key for key, feature in taken.items() if feature.type != written[key].type
    ]
    if wrong:
        raise WrongUse(f"features: the model that was adopted takes other ones ({', '.join(wrong)}); adopt it again")
    ordered: tuple[Feature, ...] = tuple(written[key] for key in taken)
    return msgspec.structs.replace(contract, features=ordered)


def _run(project: Project, contract: Contract, adoption: Adoption, entry: Entry) -> Run:
    files = {file.path: file.digest for file in adoption.files}
    answers = np.load(io.BytesIO(project.objects.get(files[PROBE_ANSWERS])), allow_pickle=False)
    lock = project.objects.get(adoption.surroundings.lock).decode()
    return Run(
        version=1,
        model=contract.name,
        contract=contract,
        code=CodeSnapshot((), tree_digest(()), commit=None, dirty=None),
        data=(),
        environment=Environment(
            lock=adoption.surroundings.lock,
            python=platform.python_version(),
            implementation=platform.python_implementation(),
            platform=platform.platform(),
            processor=platform.machine(),
            cores=0,
            blas=(),
            threads=contract.model.threads,
            distributions=versions(lock),
            variables={},
            sandbox=NOT_TRAINED,
        ),
        parameters=_written(adoption.parameters),
        seed=contract.model.seed,
        rehearsal=None,
        metrics={},
        files=adoption.files,
        model_digest=files.get(MODEL, adoption.model_digest),
        canonical_digest=adoption.canonical_digest,
        prediction_digest=digest_of_answers(np.asarray(answers, dtype=np.float64).reshape(len(answers), -1)),
        seconds=0.0,
        started=entry.at,
        finished=entry.at,
        adopted=entry.id,
        registered=adoption.registered,
    )


def _written(parameters: Mapping[str, Value]) -> dict[str, Value]:
    """JSON has no infinity, and no NaN."""
    return {name: value for name, value in parameters.items() if not isinstance(value, float) or math.isfinite(value)}
