"""Training: from a contract to a run in the ledger. Nothing is visible before the last line, and then all of it is."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from shipworthy import clock
from shipworthy.contract.records import Contract, Feature, Value
from shipworthy.environments import builder, execution, programs, snapshot, unlocked
from shipworthy.environments.workplace import workplace
from shipworthy.errors import Mistake, TrainingFailed, WrongUse
from shipworthy.lineage.records import CodeSnapshot, DataPin, Run
from shipworthy.models.bundle import MODEL
from shipworthy.registry.attesting import record_run
from shipworthy.registry.records import Rehearsal
from shipworthy.registry.signing import SigningKey
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import File
from shipworthy.trackers import own_log
from shipworthy.training import making, sources
from shipworthy.training.conform import with_seen_categories
from shipworthy.training.making import Progress, Report, Setting, State, quiet

VERSION = 1
STEPS = ("environment", "data", "code", *making.JOB_STEPS, "package", "reference", "record")


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that is trained and not yet packaged."""

    contract: Contract
    features: tuple[Feature, ...]  # with `values` of categories as seen in history
    bundle: Path  # model.pkl, probes, holdout and the answers to both; code/ where the model needs project modules
    code: Path  # the code snapshot
    lock: Path
    python: str  # "3.11.7"
    environment: Path  # the virtual environment that it was trained in
    outcome: execution.Outcome
    history: pa.Table  # the rows trained on: features in their own types, target, time, and what else there was
    holdout: pa.Table  # the rows held out, alike


Package = Callable[[Trained], None]  # converts what can be, and writes bundle.json
MakeReference = Callable[[Trained], None]  # writes reference.json


def train(
    contract: Contract,
    state: State,
    package: Package,
    reference: MakeReference,
    *,
    overrides: Mapping[str, Value] | None = None,
    recipe: Run | None = None,
    key: str | None = None,
    report: Report = quiet,
) -> Entry:
    """Train the contract's model; the new run's entry.

    `overrides` replace parameters of the contract. A `recipe` is a run whose code and lock are used in place of those
    that lie in the project now, so that a refresh never picks up half-finished work. With a `key` that a run has
    already, that run: a repeated step trains once. WrongUse, DataViolation and Unbuildable for what is given,
    TrainingFailed for what the user's code does.
    """
    standing = state.ledger.by_key("run", contract.name, key) if key is not None else None
    if standing is not None:
        return standing
    started, signer = clock.now(), state.signer()  # a key that cannot be used is told before, not after hours
    parameters = overridden(contract.parameters, overrides or {})
    project = state.layout.project
    progress = Progress(report, STEPS)
    with workplace(state.layout.work(), "train") as work:
        progress("environment")  # first, since it fails soonest
        lock = _lock(contract, state, recipe, work)
        environment = builder.build(lock, near=project)
        for each in builder.yanked(environment):
            report(f'{each}: pin another one, or keep its file with wheels = "keep" under [gate.rebuild]', None)
        if contract.model.command is not None and recipe is None:
            programs.find(contract.model.command, environment, project)  # sooner than the job, which has the snapshot
        lock_digest = state.objects.put_file(lock)
        declared = _declared(contract, state, recipe)
        progress("data")
        readings = {source.name: sources.read(source, project, state.objects) for source in contract.data}
        data = making.prepared(contract, {name: reading.rows for name, reading in readings.items()})
        pins = tuple(_pin(reading.pin, data) for reading in readings.values())
        progress("code")
        code = recipe.code if recipe is not None else snapshot.of_project(project, contract, state.objects)
        setting = Setting(work / "code", environment, work / "job", project)
        state.objects.materialise(code.files, setting.code)
        try:
            outcome, bundle = making.run_job(contract, parameters, data, setting, None, progress)
            unlocked.refuse_unlocked(outcome.imported, lock.read_text(encoding="utf-8"), contract.model.environment)
        except TrainingFailed as error:
            raise making.keep_output(setting.work, error, _failed(state.layout, contract, started)) from None
        trained = Trained(
            contract=contract,
            features=with_seen_categories(contract.features, data.history),
            bundle=bundle,
            code=setting.code,
            lock=lock,
            python=outcome.python,
            environment=environment,
            outcome=outcome,
            history=data.history,
            holdout=data.holdout,
        )
        progress("package")
        package(trained)
        progress("reference")
        reference(trained)
        progress("record")
        tracking = _logged(setting.work / "output" / own_log.FOLDER, state)
        made = _Made(code, pins, lock_digest, declared, parameters, started, key, tracking)
        return _record(state, trained, made, signer)


def overridden(parameters: Mapping[str, Value], overrides: Mapping[str, Value]) -> dict[str, Value]:
    """The parameters with some replaced. WrongUse, naming all that the contract does not have."""
    unknown = [name for name in overrides if name not in parameters]
    if unknown:
        raise WrongUse("\n".join(str(_unknown(name, overrides[name], parameters)) for name in unknown))
    return {**parameters, **overrides}


def _lock(contract: Contract, state: State, recipe: Run | None, work: Path) -> Path:
    """The lock that lies in the project, or the recipe's own."""
    if recipe is None:
        return making.lock_of(contract, state.layout.project)
    kept = work / "requirements.lock"
    state.objects.fetch(recipe.environment.lock, kept)
    return kept


def _declared(contract: Contract, state: State, recipe: Run | None) -> str | None:
    """The file that the contract names as it lies in the project, or lay there for the recipe."""
    if recipe is not None:
        return recipe.environment.declared
    return state.objects.put_file(state.layout.project / contract.model.environment)


@dataclass(frozen=True, slots=True)
class _Made:
    code: CodeSnapshot
    data: tuple[DataPin, ...]
    lock: str
    declared: str | None
    parameters: dict[str, Value]
    started: int
    key: str | None
    tracking: tuple[File, ...]


def _record(state: State, trained: Trained, made: _Made, signer: SigningKey) -> Entry:
    outcome, contract = trained.outcome, trained.contract
    files = state.objects.put_tree(trained.bundle)
    shas = {file.path: file.digest for file in files}
    _, prediction_digest = making.answers_of(trained.bundle)
    run = Run(
        version=VERSION,
        model=contract.name,
        contract=contract,
        code=made.code,
        data=made.data,
        environment=making.environment_of(
            outcome, made.lock, made.declared, contract.model.threads, builder.yanked(trained.environment)
        ),
        parameters=made.parameters,
        seed=contract.model.seed,
        rehearsal=_rehearsal(state.ledger, contract.name),
        metrics=outcome.metrics,
        files=files,
        model_digest=shas[MODEL],
        canonical_digest=outcome.canonical_digest,
        prediction_digest=prediction_digest,
        seconds=outcome.seconds,
        started=made.started,
        finished=clock.now(),
        tracking=made.tracking,
    )
    state.objects.settle({made.lock, *([made.declared] if made.declared else []), *shas.values(), *_kept(made)})
    return record_run(state.ledger, run, signer, key=made.key)


def _logged(folder: Path, state: State) -> tuple[File, ...]:
    """What the code logged itself, kept; () where that is nothing but the place made for it."""
    if own_log.read(folder) is None and not any(folder.glob("wandb/**/*.wandb")):
        return ()
    return state.objects.put_tree(folder)


def _kept(made: _Made) -> set[str]:
    trees = (made.code.files, made.tracking, *(pin.snapshot for pin in made.data))
    return {file.digest for tree in trees for file in tree}


def _pin(pin: DataPin, data: making.Data) -> DataPin:
    return sources.with_cut(pin, data.cut) if pin.name == data.target.name else pin


def _rehearsal(ledger: Ledger, model: str) -> str | None:
    """The newest rehearsal that passed."""
    for entry in ledger.entries("rehearsal", model):
        if entry.decode(Rehearsal).verdict.outcome == "passed":
            return entry.id
    return None


def _unknown(name: str, value: Value, parameters: Mapping[str, Value]) -> Mistake:
    likely = difflib.get_close_matches(name, list(parameters), 1)
    expected = f"one of {', '.join(sorted(parameters))}" if parameters else "none: the contract has no [parameters]"
    return Mistake(f"parameters.{name}", str(value), expected, f"did you mean {likely[0]}?" if likely else "")


def _failed(layout: Layout, contract: Contract, started: int) -> Path:
    return layout.state / "models" / contract.name / "failed" / f"{started}.txt"
