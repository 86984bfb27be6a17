"""What a training and its rebuild have in common: data as the contract types it, and one job for the runner."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shipworthy import digest
from shipworthy.contract.records import Contract, DataSource, Value
from shipworthy.environments import builder, execution, exporting, programs, requirements
from shipworthy.environments.conditions import AS_IT_IS, Conditions
from shipworthy.errors import TrainingFailed, WrongUse
from shipworthy.lineage.records import Cut, Environment, Run
from shipworthy.models.bundle import HOLDOUT, HOLDOUT_ANSWERS, MODEL, PROBE_ANSWERS, PROBES, read_answers
from shipworthy.models.converting import INSIDE
from shipworthy.registry.signing import SigningKey
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.trackers import own_log
from shipworthy.training import cut as cutting
from shipworthy.training import probes
from shipworthy.training.conform import conformed
from shipworthy.training.ladder import Answers, Made


class Report(Protocol):
    """Told what is being done, and what part of the whole is behind (0 to 1), where that is known."""

    def __call__(self, step: str, done: float | None) -> None: ...


def quiet(step: str, done: float | None) -> None:
    """Tell nobody."""


OFF = "off"  # of the sandbox, in a record
READERS = ("pyarrow", "polars")  # of Parquet, which the data is handed over as
JOB_STEPS = execution.STEPS


class Progress:
    """Turns the names of steps into a report of the part that is behind."""

    def __init__(self, report: Report, steps: tuple[str, ...]) -> None:
        self._report = report
        self._steps = steps

    def __call__(self, step: str) -> None:
        self._report(step, self._steps.index(step) / len(self._steps))


@dataclass(frozen=True, slots=True)
class State:
    """Where things are kept."""

    layout: Layout
    ledger: Ledger
    objects: Objects
    signer: Callable[[], SigningKey]  # of whoever trains; asked for before a training begins


@dataclass(frozen=True, slots=True)
class Data:
    """What the runner is given."""

    target: DataSource
    history: pa.Table  # of the target's source: every column, features in their own types
    holdout: pa.Table
    others: Mapping[str, pa.Table]  # further sources, up to the end of history
    cut: Cut


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a job runs."""

    code: Path
    environment: Path
    work: Path  # the job's own folder; does not exist yet
    origin: Path  # the project, which `code` is a snapshot of: only to tell what is not in that


def target_source(contract: Contract) -> DataSource:
    """The source that holds the label. WrongUse in a contract that only rehearses."""
    if contract.target_source is None:
        raise WrongUse("data: no source has a target; expected one [data.NAME] with source, target and, best, time")
    return contract.target_source


def prepared(contract: Contract, tables: Mapping[str, pa.Table], recorded: Cut | None = None) -> Data:
    """Cut and typed data, by source name; cut as recorded, else anew. DataViolation, WrongUse."""
    target = target_source(contract)
    rows = tables[target.name]
    parts = cutting.again(rows, target, recorded) if recorded else cutting.cut(rows, target, contract.retraining)
    # Checked in one go, so that a violation is told once, for both parts.
    both = conformed(contract, pa.concat_tables([parts.history, parts.holdout]), target.name)
    others = {
        source.name: cutting.before(tables[source.name], source, parts.cut)
        for source in contract.data
        if source is not target
    }
    split = parts.history.num_rows
    return Data(target, both.slice(0, split), both.slice(split), others, parts.cut)


def recorded_cut(run: Run) -> Cut:
    """Where the source with the target was cut."""
    return next(pin.cut for pin in run.data if pin.cut is not None)


def lock_of(contract: Contract, project: Path) -> Path:
    """The hash-pinned requirements that a contract's model is trained with now. NotFound, Unbuildable."""
    readers = READERS if contract.model.command is None else READERS[:1]  # what a command leaves is asked by Arrow
    return readable(exporting.as_requirements(project / contract.model.environment), project, readers)


def readable(lock: Path, project: Path, readers: tuple[str, ...] = READERS) -> Path:
    """The lock, with pyarrow added where nothing in it could read the data that is handed over. Conflict, NotFound."""
    try:
        packages = requirements.names(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return lock  # building says so
    return lock if set(readers).intersection(packages) else builder.lock_with(lock, READERS[:1], near=project)


def run_job(
    contract: Contract,
    parameters: Mapping[str, Value],
    data: Data,
    setting: Setting,
    frozen: Path | None,
    report: Callable[[str], None],
    conditions: Conditions = AS_IT_IS,
    limit: float | None = None,
) -> tuple[execution.Outcome, Path]:
    """Train in the user's environment; what came out and the folder of a bundle that is not described yet.

    `frozen` are the probes of an earlier run, to be answered as they are; without them they are chosen here. After
    `limit` seconds it is ended.
    """
    given, output, bundle = (setting.work / name for name in ("given", "output", "bundle"))
    for folder in (given, output, bundle):
        folder.mkdir(parents=True)
    _write_bundle_tables(contract, data, bundle, frozen)
    packages = requirements.names((setting.environment / builder.LOCKED).read_text(encoding="utf-8"))
    command = contract.model.command
    program = programs.find(command, setting.environment, setting.code) if command is not None else None
    job = execution.Job(
        project=str(setting.code),
        train=contract.model.train,
        command=program.words if program is not None else (),
        shown=program.shown if program is not None else "",
        variables=own_log.prepare(output, packages, contract.name),
        program=program.recorded if program is not None else None,
        path=programs.search_path(setting.environment) if program is not None else "",
        inside=str(INSIDE) if program is not None else "",
        task=contract.model.task,
        features=tuple(feature.name for feature in contract.features),
        source=data.target.name,
        target=str(data.target.target),
        data={name: _written(table, given / f"{name}.parquet") for name, table in _arguments(contract, data).items()},
        parameters=dict(parameters),
        seed=contract.model.seed,
        threads=contract.model.threads,
        probes=str(bundle / PROBES),
        holdout=str(bundle / HOLDOUT),
        output=str(output),
        extend=frozen is None,
        sandbox=contract.model.sandbox == "on",
        origin=str(setting.origin.resolve()),
        bytecode=str(builder.bytecode(setting.environment)),
        conditions=conditions,
    )
    outcome = execution.execute(
        builder.interpreter(setting.environment),
        job,
        report=report,
        extend=lambda thresholds: _extend(bundle / PROBES, contract, thresholds),
        limit=limit,
    )
    for name in (MODEL, PROBE_ANSWERS, HOLDOUT_ANSWERS, *(("code",) if outcome.modules else ())):
        (output / name).rename(bundle / name)
    return outcome, bundle


def keep_output(work: Path, error: TrainingFailed, kept: Path) -> TrainingFailed:
    """The error again, with where everything that the user's code printed was moved to."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(work / "output" / execution.OUTPUT, kept)
    return TrainingFailed(f"{error}\nthe full output: {kept}")


def environment_of(
    outcome: execution.Outcome, lock: str, declared: str | None, threads: int, yanked: tuple[str, ...] = ()
) -> Environment:
    """The record of where a job ran; `lock` and `declared` are digests."""
    return Environment(
        lock=lock,
        python=outcome.python,
        implementation=outcome.implementation,
        platform=outcome.platform,
        processor=outcome.processor,
        cores=outcome.cores,
        blas=outcome.blas,
        threads=threads,
        distributions=outcome.distributions,
        variables=execution.recorded_variables(threads, sandbox=outcome.sandbox != OFF),
        sandbox=outcome.sandbox,
        imported=outcome.imported,
        program=outcome.program,
        refused=outcome.refused,
        declared=declared,
        yanked=yanked,
    )


def environment_of_failed(output: Path, lock: str, threads: int) -> Environment | None:
    """Where a job failed, by what it left in its output; None where it was killed before it could say so."""
    ran = execution.failed(output)
    if ran is None:
        return None
    told = msgspec.structs.asdict(ran)
    variables = execution.recorded_variables(threads, sandbox=ran.sandbox != OFF)
    return Environment(lock=lock, threads=threads, variables=variables, **told)


def made_of(outcome: execution.Outcome, bundle: Path, environment: Environment) -> Made:
    """What came out, as far as it is compared."""
    answers, prediction_digest = answers_of(bundle)
    return Made(
        model_digest=digest.of_file(bundle / MODEL),
        canonical_digest=outcome.canonical_digest,
        prediction_digest=prediction_digest,
        answers=answers,
        classes=outcome.classes,
        metrics=outcome.metrics,
        environment=environment,
    )


def answers_of(bundle: Path) -> tuple[Answers, str]:
    """The answers to a bundle's probes, (n, k), and their digest bit by bit."""
    answers = read_answers(bundle / PROBE_ANSWERS)
    return answers, digest_of_answers(answers)


def digest_of_answers(answers: Answers) -> str:
    """Identity of answers (n, k), bit by bit."""
    return digest.of_bytes(repr(answers.shape).encode() + np.ascontiguousarray(answers, dtype="<f8").tobytes())


def _arguments(contract: Contract, data: Data) -> dict[str, pa.Table]:
    """In the order of the contract."""
    return {s.name: data.history if s.name == data.target.name else data.others[s.name] for s in contract.data}


def _write_bundle_tables(contract: Contract, data: Data, bundle: Path, frozen: Path | None) -> None:
    if frozen is not None:
        shutil.copyfile(frozen, bundle / PROBES)
    else:
        _written(probes.probes(contract.features, data.history), bundle / PROBES)
    names = [*(feature.name for feature in contract.features), data.target.target, data.target.time]
    _written(data.holdout.select(list(dict.fromkeys(name for name in names if name))), bundle / HOLDOUT)


def _extend(path: Path, contract: Contract, thresholds: Mapping[str, list[float]]) -> None:
    _written(probes.with_splits(pq.read_table(path), contract.features, thresholds), path)


def _written(table: pa.Table, path: Path) -> str:
    pq.write_table(table, path, compression="lz4")
    return str(path)
