"""Training and rebuilding a project's model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.contract import periods
from shipworthy.contract.records import Contract, Value
from shipworthy.counts import reference as counting
from shipworthy.errors import Refused, WrongUse
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import HOLDOUT_ANSWERS, read_answers
from shipworthy.models.columns import from_arrow
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.registry.attaching import attach
from shipworthy.registry.attesting import statement_of
from shipworthy.registry.manifest import REFERENCE_FILE
from shipworthy.registry.names import run_of
from shipworthy.registry.records import Release
from shipworthy.registry.releases import Releases
from shipworthy.store.ledger import Entry
from shipworthy.training.cut import instants
from shipworthy.training.rebuild import How, rebuild
from shipworthy.training.trainer import Trained, train
from shipworthy.wiring.adopted_release import attached
from shipworthy.wiring.keys import own_key, trusted_keys
from shipworthy.wiring.packaging import package
from shipworthy.wiring.project import Project, Report
from shipworthy.wiring.recorded_period import Recorded, recorded, rows_of, together

TRUTHS = {"true": True, "false": False}


def train_project(project: Project, report: Report, changes: Mapping[str, str] | None = None) -> Entry:
    """Train the contract's model; `changes` are parameters as texts, read as the type that the contract gives them."""
    contract = project.contract
    overrides = {name: _typed(name, text, contract.parameters) for name, text in (changes or {}).items()}
    make_reference = reference_maker(project, contract)
    return train(contract, project.state, package, make_reference, overrides=overrides, report=report)


def train_again(project: Project, live: Entry, report: Report, key: str) -> Entry:
    """Train a run's own recipe (contract, code, lock, parameters) on the newest data; once a key."""
    run = live.decode(Run)
    if run.adopted is not None:
        raise Refused(
            f"{live.id}, which is live, was adopted, and nobody has attached the training that made it: there is "
            "nothing to train again. `shipworthy ship` with model.train and [data.NAME] in the contract"
        )
    data = tuple(source.newest for source in run.contract.data)
    contract = msgspec.structs.replace(run.contract, data=data)
    return train(
        contract,
        project.state,
        package,
        reference_maker(project, contract),
        overrides=run.parameters,
        recipe=run,
        key=key,
        report=report,
    )


def rebuild_run(project: Project, name: str, report: Report, how: How) -> Entry:
    """Make a run again; the rebuild's entry."""
    run = run_of(project.ledger, name, model=project.contract.name)
    if run.decode(Run).adopted is not None:
        return prove_like(project, attached(project, run), run, report, how=how)
    return rebuild(run, project.state, report=report, how=how)


def signer_of(project: Project, entry: Entry) -> str:
    """Id of the key that signed a run or a rebuild as it was made; "" where it is older than such statements."""
    signed = statement_of(project.ledger, entry)
    return "" if signed is None else signed.key


def reference_maker(project: Project, contract: Contract) -> Callable[[Trained], None]:
    """Writes what monitoring will compare production with, and how evidence against it is to be counted.

    Refused, before anything is trained, where the contract names a period of production that is not there.
    """
    compared = periods.compared(contract.monitoring.reference)
    found = None if compared.period is None else recorded(project, contract, compared.period)

    def make(trained: Trained) -> None:
        reference = frozen(
            trained.features,
            _history(trained, found, training=compared.training),
            Rows(from_arrow(trained.holdout, trained.features), _times(trained, trained.holdout)),
            read_answers(trained.bundle / HOLDOUT_ANSWERS),
            contract.monitoring,
            contract.serving.event_time,
        )
        (trained.bundle / REFERENCE_FILE).write_bytes(counting.encode(reference))

    return make


def _history(trained: Trained, found: Recorded | None, *, training: bool) -> Rows:
    """The rows that features are compared with."""
    history = Rows(from_arrow(trained.history, trained.features), _times(trained, trained.history))
    if found is None:
        return history
    produced = rows_of(found, trained.features)
    if training:
        both = together(history, produced)
        return Rows(both.columns, both.times, f"the training history and the {found.words}", found.identity)
    return Rows(produced.columns, produced.times, f"the {found.words}", found.identity)


def prove_like(
    project: Project, trained: Entry, adopted: Entry, report: Report, *, how: How | None = None, key: str | None = None
) -> Entry:
    """Hold what a run's training makes against an adopted model; where it is the same, sign that for its releases."""
    made = rebuild(trained, project.state, key=key, report=report, how=how, like=adopted)
    releases = Releases(project.ledger, project.objects)
    released = releases.of_run(adopted.model, adopted.id)
    if released is not None:
        number = released.decode(Release).number
        verified = releases.materialise(project.layout, adopted.model, number, trusted_keys())
        if attach(project.ledger, verified, made, own_key()) is not None:
            releases.materialise(project.layout, adopted.model, number, trusted_keys())  # with the statement
    return made


def _typed(name: str, text: str, parameters: Mapping[str, Value]) -> Value:
    standing = parameters.get(name, text)
    try:
        value = TRUTHS[text.lower()] if isinstance(standing, bool) else type(standing)(text)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
        return value
    except (ValueError, KeyError):
        raise WrongUse(
            f"--set parameters.{name}={text}: expected {_kind(standing)}, as the contract's {name} = {standing!r} is"
        ) from None


def _kind(value: Value) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}
    return names[type(value)]


def _times(trained: Trained, rows: pa.Table) -> NDArray[np.int64] | None:
    source = trained.contract.target_source
    if source is None or source.time is None:
        return None
    return instants(rows[source.time], source.time)
