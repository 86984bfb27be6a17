"""Rebuild: a run made again from its record alone, and compared with what it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import msgspec
import pyarrow as pa

from shipworthy import clock
from shipworthy.environments import builder
from shipworthy.environments.workplace import workplace
from shipworthy.errors import NotFound, TrainingFailed, Unbuildable, Undecided
from shipworthy.lineage.records import Environment, Equivalence, ReachedRung, Rebuild, Run, reaches
from shipworthy.models.bundle import DESCRIPTION, HOLDOUT_ANSWERS, PROBE_ANSWERS, PROBES, read_answers
from shipworthy.models.records import BundleDescription
from shipworthy.registry.attesting import record_rebuild
from shipworthy.store.ledger import Entry
from shipworthy.training import ladder, making, sources
from shipworthy.training.diagnosis_trials import Bench, explain
from shipworthy.training.equivalence import told_apart
from shipworthy.training.making import Report, Setting, State, quiet
from shipworthy.training.reseeding import against_other_seeds
from shipworthy.training.wheels import kept_wheels

VERSION = 1
SEEDED: Literal["statistically-equivalent"] = "statistically-equivalent"
DIAGNOSIS = 3600 * clock.SECOND  # ns that rebuild and diagnosis take at most
STEPS = ("code", "data", "environment", *making.JOB_STEPS, "compare")


@dataclass(frozen=True, slots=True)
class _Record:
    """A run, and the files of its bundle by path."""

    id: str
    run: Run
    files: dict[str, str]  # path -> digest


class Place(Protocol):
    """Where a run is made again."""

    container: str | None  # the image, by digest; None: on this machine

    def build(self, run: Run, lock: Path, job: Setting, wheels: Path | None) -> None:
        """Make the job's environment from a lock, and from kept wheels alone where there are any. Undecided where it
        cannot be made any more.
        """
        ...


class _Here:
    container: str | None = None

    def build(self, run: Run, lock: Path, job: Setting, wheels: Path | None) -> None:
        _build(run, lock, job, wheels)


HERE = _Here()


@dataclass(frozen=True, slots=True)
class How:
    """How a rebuild is asked for."""

    diagnose: bool = True  # whether the cause is looked for where it differs
    exactly: bool = False  # whether it is looked for wherever the bytes differ, not only below the contract's rung
    beyond_budget: bool = False  # whether a training that is known to take longer than the contract allows is repeated
    place: Place = HERE


@dataclass(frozen=True, slots=True)
class _Again:
    """What came out the second time; no model where the training failed."""

    likeness: ladder.Likeness
    then: ladder.Made
    now: ladder.Made | None
    environment: Environment | None  # None: it was killed before it could say where it ran
    seconds: float


def rebuild(
    entry: Entry,
    state: State,
    *,
    key: str | None = None,
    report: Report = quiet,
    how: How | None = None,
    like: Entry | None = None,
) -> Entry:
    """Make a run again in a fresh folder and a fresh environment; the new rebuild's entry. With a `key` that a
    rebuild has already, that one.

    Only the record and what it names by digest are used, and the pinned versions of tables that keep their own
    history. Undecided where any of that is gone: whether the run can be made again is then not known. Where it
    differs, the cause is looked for by training again with one factor swapped at a time.

    With an adopted model as `like`, what is made is held against that, on its own probes: the rebuild is then about it.
    """
    standing = state.ledger.by_key("rebuild", entry.model, key) if key is not None else None
    if standing is not None:
        return standing
    started, signer = clock.now(), state.signer()
    run, how = entry.decode(Run), how or How()
    place = how.place
    if not how.beyond_budget and beyond_budget(run):
        raise Undecided(f"could not decide: {beyond_budget(run)}")
    record = _recorded(entry)
    shown = record if like is None else _recorded(like)
    progress = making.Progress(report, STEPS)
    with workplace(state.layout.work(), "rebuild") as work:
        job = Setting(work / "code", work / "environment", work / "job", state.layout.project)
        frozen = _materialised(record, shown, state, job, work, progress)
        tables = {pin.name: sources.reread(pin, state.layout.project, state.objects) for pin in run.data}
        progress("environment")
        place.build(run, work / "requirements.lock", job, kept_wheels(entry, state, work / "wheels"))
        again = _again(record, shown, state, tables, job, frozen, progress)
        seconds = (clock.now() - started) / clock.SECOND
        diagnosis, equivalence = None, None
        if like is None:
            bench = Bench(
                run=run,
                tables=tables,
                setting=job,
                lock=work / "requirements.lock",
                python=_python(run.environment.python),
                frozen=frozen,
                then=again.then,
                now=again.now,
                environment=again.environment or run.environment,
                seconds=again.seconds,
                deadline=started + (run.contract.gate.rebuild.budget or DIAGNOSIS),
            )
            equivalence = against_other_seeds(bench, report) if _needs_seeds(run, again) else None
            goal = _goal(run, again, how)
            diagnosis = explain(bench, goal, report) if goal is not None else None
    likeness = _judged(again.likeness, equivalence)
    made = Rebuild(
        version=VERSION,
        run=shown.id,
        rung=likeness.rung,
        wanted=run.contract.gate.rebuild.rung,
        largest_difference=_finite(likeness.largest_difference),
        differences=likeness.differences,
        seconds=seconds,
        started=started,
        environment=None
        if again.now is None
        else msgspec.structs.replace(again.now.environment, container=place.container),
        diagnosis=diagnosis,
        equivalence=equivalence,
        trained=None if like is None else entry.id,
    )
    return record_rebuild(state.ledger, made, signer, key=key)


def beyond_budget(run: Run) -> str:
    """Why a run is not made again unasked: it is known to take longer than its contract allows. "" where it is not."""
    rule = run.contract.gate.rebuild
    trainings = 1 + (rule.seeds if rule.rung == SEEDED else 0)
    needed = run.seconds * trainings
    if rule.budget is None or needed <= rule.budget / clock.SECOND:
        return ""
    times = f"{trainings} trainings of {run.seconds:,.0f} s" if trainings > 1 else "as long as the training itself"
    return (
        f"would take {needed:,.0f} s, {times}, and gate.rebuild.budget is {rule.budget / clock.SECOND:,.0f} s: "
        "`shipworthy rebuild RUN --beyond-budget` does it nevertheless"
    )


def _goal(run: Run, again: _Again, how: How) -> ReachedRung | None:
    """The rung below which the cause is looked for; None where there is nothing to look for."""
    wanted = run.contract.gate.rebuild.rung
    goal: ReachedRung = "bit-identical" if how.exactly else wanted
    if not how.diagnose or (goal == SEEDED and again.now is not None):  # models that differ by nature are no riddle
        return None
    return goal if not reaches(again.likeness.rung, goal) else None


def _needs_seeds(run: Run, again: _Again) -> bool:
    comparable = again.now is not None and again.likeness.largest_difference is not None
    return run.contract.gate.rebuild.rung == SEEDED and again.likeness.rung == "different" and comparable


def _judged(likeness: ladder.Likeness, found: Equivalence | None) -> ladder.Likeness:
    return likeness if found is None or told_apart(found) else replace(likeness, rung=SEEDED)


def _recorded(entry: Entry) -> _Record:
    run = entry.decode(Run)
    return _Record(entry.id, run, {file.path: file.digest for file in run.files})


def _materialised(
    record: _Record, shown: _Record, state: State, job: Setting, work: Path, progress: making.Progress
) -> Path:
    """Code and lock, and the probes and answers of what is compared with, from the object store; the probes' path."""
    try:
        progress("code")
        state.objects.materialise(record.run.code.files, job.code)
        state.objects.fetch(record.run.environment.lock, work / "requirements.lock")
        for name in (PROBES, PROBE_ANSWERS):
            state.objects.fetch(shown.files[name], work / name)
        state.objects.fetch(record.files[HOLDOUT_ANSWERS], work / HOLDOUT_ANSWERS)
        progress("data")
    except NotFound as error:
        raise Undecided(f"could not decide: a part of {record.id} is gone: {error}") from error
    return work / PROBES


def _build(run: Run, lock: Path, job: Setting, wheels: Path | None) -> None:
    """In the Python of the run, or in the nearest to it that there is: the comparison then names the difference.

    From wheels where they were kept, and then from nothing else.
    """
    python = _python(run.environment.python)
    try:
        builder.build_fresh(lock, job.environment, python=python, near=job.code, wheels=wheels)
    except Unbuildable as error:
        raise Undecided(f"could not decide: the environment cannot be built any more: {error}") from error


def _python(recorded: str) -> str:
    return recorded if builder.has_python(recorded) else recorded.rpartition(".")[0]


def _again(
    record: _Record,
    shown: _Record,
    state: State,
    tables: dict[str, pa.Table],
    job: Setting,
    frozen: Path,
    progress: making.Progress,
) -> _Again:
    run = record.run
    data = making.prepared(run.contract, tables, making.recorded_cut(run))
    then = _made_then(shown, state, frozen.with_name(PROBE_ANSWERS))
    started = clock.now()
    try:
        outcome, bundle = making.run_job(run.contract, run.parameters, data, job, frozen, progress)
    except NotFound as error:  # a program of the machine's own
        raise Undecided(f"could not decide: {error}") from error
    except TrainingFailed as error:
        failed = ladder.Likeness("different", None, (f"the training, which now fails: {error}",))
        where = making.environment_of_failed(job.work / "output", run.environment.lock, run.environment.threads)
        return _Again(failed, then, None, where, (clock.now() - started) / clock.SECOND)
    progress("compare")
    environment = making.environment_of(
        outcome, run.environment.lock, run.environment.declared, run.environment.threads
    )
    now = making.made_of(outcome, bundle, environment)
    likeness = ladder.compare(then, now, run.contract.model.task, run.contract.gate.tolerance)
    return _Again(likeness, then, now, environment, (clock.now() - started) / clock.SECOND)


def _made_then(record: _Record, state: State, answers: Path) -> ladder.Made:
    description = msgspec.json.decode(state.objects.get(record.files[DESCRIPTION]), type=BundleDescription)
    return ladder.Made(
        model_digest=record.run.model_digest,
        canonical_digest=record.run.canonical_digest,
        prediction_digest=record.run.prediction_digest,
        answers=read_answers(answers),
        classes=description.classes,
        metrics=record.run.metrics,
        environment=record.run.environment,
    )


def _finite(difference: float | None) -> float | None:
    """JSON has no infinity: answers that cannot be compared have no difference."""
    return difference if difference is not None and difference < float("inf") else None
