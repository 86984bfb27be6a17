"""`watch --log`: a table of predictions that nobody serves here, watched as it would have been."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import msgspec

from shipworthy.contract.reading import FILE, read
from shipworthy.contract.records import Contract, Metric, Monitoring, Task
from shipworthy.contract.schema import METRICS, MONITORING
from shipworthy.errors import WrongUse
from shipworthy.replay import period, rules
from shipworthy.replay.log import Log
from shipworthy.replay.records import Replay
from shipworthy.replay.reference import Progress
from shipworthy.replay.reference import Task as Wanted
from shipworthy.replay.replaying import replay
from shipworthy.replay.roles import Asked, roles


class Settings(msgspec.Struct, frozen=True):
    """What the command line says of a replay; None where nothing was said."""

    reference: str | None
    window: str | None = None
    drift: float | None = None
    false_alarms: str | None = None
    metric: str | None = None
    compare: tuple[str, ...] = ()
    season: str | None = None
    segment: str | None = None
    slices: tuple[str, ...] | None = None


def watch_log(folder: Path, location: str, asked: Asked, settings: Settings, report: Progress) -> Replay:
    """Replay a log by the folder's contract, where there is one, and by what the command line says instead."""
    compared = rules.parse(settings.compare)
    contract = read(folder / FILE, needs="watching") if (folder / FILE).is_file() else None
    log = Log(location)
    found = roles(asked, log.schema, contract)
    if settings.reference is None:
        raise WrongUse(
            "which rows are the reference? name them by --reference: a period such as 2013-01-01..2013-03-31, the "
            "first days of the log as in 90d, or a Parquet file or delta: table of its own"
        )
    return replay(
        Wanted(
            log=log,
            roles=found,
            reference=period.parse(settings.reference),
            monitoring=_monitoring(contract, settings),
            metric=_metric(contract, settings, found.task),
            rules=compared,
            report=report,
        )
    )


def _monitoring(contract: Contract | None, settings: Settings) -> Monitoring:
    declared = Monitoring() if contract is None else contract.monitoring
    given = {"window": settings.window, "drift": settings.drift, "false_alarms": settings.false_alarms}
    given |= {"season": settings.season, "segment": settings.segment}
    taken = {name: _taken(name, value) for name, value in given.items() if value is not None}
    slices = declared.slices if settings.slices is None else settings.slices
    return msgspec.structs.replace(declared, **taken, slices=slices)


def _taken(name: str, value: object) -> object:
    rule = MONITORING.rules[name]
    try:
        return rule.take(value)
    except ValueError as error:
        hint = f" ({error})" if str(error) else ""
        raise WrongUse(f"--{name.replace('_', '-')} {value}: expected {rule.expected}{hint}") from None


def _metric(contract: Contract | None, settings: Settings, task: Task) -> Metric:
    metrics = METRICS[task]
    if settings.metric is None:
        declared = None if contract is None else contract.gate.metric
        return declared if declared in metrics else metrics[0]
    known: tuple[Metric, ...] = get_args(Metric)
    found = next((metric for metric in known if metric == settings.metric), None)
    if found not in metrics:
        raise WrongUse(f"--metric {settings.metric}: expected one of a {task}: {', '.join(metrics)}")
    return found
