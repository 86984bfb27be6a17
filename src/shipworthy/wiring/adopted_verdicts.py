"""The gate's checks as far as they can be made of a model without its training."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from shipworthy.adoption.inputs import Chosen
from shipworthy.contract.records import Contract
from shipworthy.errors import DataViolation, Undecided, WrongUse
from shipworthy.gate.checks import data, latency, quality, rebuild, reference, rehearsal, runtime
from shipworthy.models.answers import as_array
from shipworthy.models.bundle import Bundle, read_answers
from shipworthy.models.metrics import measure
from shipworthy.models.records import BundleDescription
from shipworthy.registry.records import LatencyVerdict, Verdict
from shipworthy.rehearsal.load import Target
from shipworthy.rehearsal.payloads import from_columns
from shipworthy.rehearsal.sla import verify
from shipworthy.serving.launch import rehearse_server
from shipworthy.store.objects import Objects
from shipworthy.wiring.workers import worker_command

BODIES = 500  # different requests
SECONDS = 6.0  # of the measurement at most
_NO_TRAINING = "no training is attached to it"


def latency_of(bundle: Bundle, contract: Contract, lock: Path, work: Path) -> tuple[Verdict, LatencyVerdict | None]:
    """The real server with this model under the proposed SLA, in a short run."""
    bodies = from_columns(bundle.description.features, bundle.probes(), BODIES)
    objects = Objects(work / "objects")
    try:
        command = worker_command(bundle.description, objects.put_file(lock), "", objects)
        with rehearse_server(bundle.folder, contract, work, command=command) as url:
            found = verify(
                Target(f"{url}/predict", bodies),
                contract.serving,
                confidence=contract.gate.confidence,
                seconds=SECONDS,
                roots=(os.getpid(),),
            )
    except (Undecided, WrongUse) as error:
        return Verdict(latency.CHECK, "undecided", f"it could not be served: {error}"), None
    return latency.latency(contract.serving, found, contract.gate.confidence), found


def quality_of(
    contract: Contract, chosen: Chosen, table: pa.Table, answers: Path, description: BundleDescription
) -> Verdict:
    """The metric on the sample, for information: whether the model has seen these rows in training is not known."""
    if chosen.labels is None:
        return Verdict(quality.CHECK, "undecided", "the sample holds no column with the truth")
    said = read_answers(answers)
    truth = table[chosen.labels].slice(0, len(said))
    known = np.asarray(truth.is_valid())
    target = as_array([label for label in truth.to_pylist() if label is not None])
    if not description.classes:
        target = target.astype(np.float64)
    metric = contract.gate.metric
    try:
        value = measure(metric, target, said[known], description.classes)
    except (Undecided, DataViolation) as error:
        return Verdict(quality.CHECK, "undecided", str(error))
    reason = (
        f"{metric} {value:.4g} on {int(known.sum()):,} rows of the sample; whether it was trained on these is not known"
    )
    return Verdict(quality.CHECK, "undecided", reason, {"metric": metric, "sample": value, "rows": int(known.sum())})


def standing(
    description: BundleDescription, measured: Verdict, judged: Verdict, incomparable: str
) -> tuple[Verdict, ...]:
    """One for each check that says something of a model alone, in the gate's order."""
    return (
        Verdict(data.CHECK, "undecided", f"the contract was proposed from this very sample, and {_NO_TRAINING}"),
        judged,
        Verdict(rebuild.CHECK, "undecided", f"{_NO_TRAINING}, so that there is nothing to make it again from"),
        measured,
        runtime.runtime(description),
        Verdict(rehearsal.CHECK, "undecided", "the SLA was not rehearsed before the training"),
        Verdict(reference.CHECK, "undecided", _compared(incomparable)),
    )


def _compared(incomparable: str) -> str:
    if incomparable:
        return f"{_NO_TRAINING}, and the sample is nothing to compare production with: {incomparable}"
    return (
        f"{_NO_TRAINING}: production is compared with the sample, and nobody knows whether it was trained on the like"
    )
