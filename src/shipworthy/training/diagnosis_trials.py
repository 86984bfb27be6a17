"""The trainings of a diagnosis: the rebuild's own code, data and environment, with one factor swapped in each."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from shipworthy import clock
from shipworthy.environments import builder, conditions
from shipworthy.errors import TrainingFailed, Unbuildable
from shipworthy.lineage.records import DataPin, Diagnosis, Environment, ReachedRung, Run
from shipworthy.training import diagnosis_factors as factors
from shipworthy.training import making
from shipworthy.training.content import digests
from shipworthy.training.diagnosis import Case, OutOfTime, Tried, diagnose
from shipworthy.training.diagnosis_factors import Reordered, Swap
from shipworthy.training.ladder import Made
from shipworthy.training.making import Report, Setting

PATIENCE = 3  # times as long as the rebuild took, and a minute: then a training will not end

_UNTRIED = "the budget was used up before every factor was swapped"


@dataclass(frozen=True, slots=True)
class Bench:
    """What the rebuild was made from, and what it made."""

    run: Run
    tables: Mapping[str, pa.Table]
    setting: Setting  # of the rebuild: its code and environment are used again
    lock: Path
    python: str
    frozen: Path  # the probes
    then: Made
    now: Made | None  # None: the training failed
    environment: Environment  # of the rebuild, as far as it is known
    seconds: float  # that one more training is expected to take
    deadline: int  # ns since 1970: none is begun that would not end before


def explain(bench: Bench, goal: ReachedRung, report: Report) -> Diagnosis:
    """Why the two differ, as far as that can be told before the deadline."""
    run, then, now = bench.run, bench.then.environment, bench.environment
    case = Case(
        then=bench.then,
        now=bench.now,
        task=run.contract.model.task,
        tolerance=run.contract.gate.tolerance,
        goal=goal,
        threads=run.environment.threads,
        started=run.started,
    )
    moved = tuple(factors.reordered(_reordered(run.data, bench.tables)))
    return diagnose(
        case,
        _Trials(bench, report),
        lambda asked: (*moved, *factors.put_back(then, now, asked, run.started), factors.elsewhere(asked)),
        factors.cannot_be_swapped(then, now),
    )


class _Trials:
    """Trains again, each time in a folder of its own that is removed afterwards."""

    def __init__(self, bench: Bench, report: Report) -> None:
        self._bench = bench
        self._report = report
        self._count = 0

    def __call__(self, swap: Swap) -> Tried:
        bench = self._bench
        left = (bench.deadline - clock.now()) / clock.SECOND
        if left < bench.seconds:
            raise OutOfTime(f"{_UNTRIED}: it ended before this: {swap.words}")
        self._count += 1
        self._report(f"diagnose: {swap.words}", None)
        started = clock.now()
        work = bench.setting.work.with_name(f"trial-{swap.conditions.folder or self._count}")
        try:
            made, asked = self._made(swap, work, min(left, PATIENCE * bench.seconds + 60))
        except (TrainingFailed, Unbuildable):
            made, asked = None, conditions.asked(work / "output")
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return Tried(made, asked, (clock.now() - started) / clock.SECOND)

    def _made(self, swap: Swap, work: Path, limit: float) -> tuple[Made, tuple[conditions.Asked, ...]]:
        bench, run = self._bench, self._bench.run
        contract = run.contract
        if swap.threads is not None:
            model = msgspec.structs.replace(contract.model, threads=swap.threads)
            contract = msgspec.structs.replace(contract, model=model)
        data = making.prepared(contract, _reversed(bench.tables, swap.reverse), making.recorded_cut(run))
        setting = replace(
            bench.setting, code=self._code(swap, work), work=work, environment=self._environment(swap, work)
        )
        train = partial(making.run_job, contract, run.parameters, data, setting, bench.frozen, lambda _: None)
        outcome, bundle = train(conditions=swap.conditions, limit=limit)
        asked = conditions.asked(work / "output")
        return making.made_of(outcome, bundle, bench.environment), asked

    def _code(self, swap: Swap, work: Path) -> Path:
        if not swap.elsewhere:
            return self._bench.setting.code
        return shutil.copytree(self._bench.setting.code, work.with_name(f"{work.name}-code"), symlinks=True)

    def _environment(self, swap: Swap, work: Path) -> Path:
        """Beside the trial's own folder, since its training may not see that."""
        bench = self._bench
        if not swap.versions:
            return bench.setting.environment
        folder = work.with_name(f"{work.name}-environment")
        return builder.build_with_versions(
            bench.lock, folder, swap.versions, python=bench.python, near=bench.setting.code
        )


def _reversed(tables: Mapping[str, pa.Table], name: str | None) -> dict[str, pa.Table]:
    if name is None:
        return dict(tables)
    table = tables[name]
    return {**tables, name: table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))}


def _reordered(pins: Sequence[DataPin], tables: Mapping[str, pa.Table]) -> list[Reordered]:
    changed = [pin for pin in pins if pin.sequence is not None and digests(tables[pin.name])[1] != pin.sequence]
    return [Reordered(pin.name, _unique(tables[pin.name])) for pin in changed]


def _unique(table: pa.Table) -> str | None:
    """The first column that is different in every row."""
    return next((name for name in table.column_names if _tells_apart(table[name])), None)


def _tells_apart(column: pa.ChunkedArray[Any]) -> bool:
    if pa.types.is_nested(column.type) or column.null_count:
        return False
    return bool(pc.count_distinct(column).as_py() == len(column))
