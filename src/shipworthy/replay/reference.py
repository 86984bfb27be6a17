"""What a log is held against: a period of it, or a table of its own, profiled as training would have done it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.periods import Period
from shipworthy.contract.records import Feature, Metric, Monitoring
from shipworthy.contract.study import study_columns
from shipworthy.errors import DataViolation, WrongUse
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.monitoring.basis import Basis, HeldRows, based
from shipworthy.monitoring.grouping import compact
from shipworthy.monitoring.self_consistency import settle
from shipworthy.monitoring.tables import Profile, answers_of, features_of, made, times_of
from shipworthy.replay.labels import classes_of, codes_of
from shipworthy.replay.log import Log
from shipworthy.replay.period import Sample, Wanted, resolved
from shipworthy.replay.records import ReferencePart
from shipworthy.replay.roles import Roles
from shipworthy.replay.rules import Rule

Progress = Callable[[str, float | None], None]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Task:
    """What is replayed, and how."""

    log: Log
    roles: Roles
    reference: Wanted
    monitoring: Monitoring
    metric: Metric
    rules: tuple[Rule, ...] = ()
    report: Progress = lambda _step, _share: None


@dataclass(frozen=True, slots=True)
class Held:
    """What was read of the reference."""

    profile: Profile
    part: ReferencePart
    until: int | None  # rows from here on are watched; None: all
    basis: Basis | None  # None: no labels say what quality was
    classes: tuple[str, ...]
    said: tuple[str, ...]  # columns that were left out


def span(task: Task) -> tuple[int, int]:
    """The oldest and the newest time of the log."""
    first, newest, seen = None, None, 0
    for file, part in task.log.parts([task.roles.time]):
        seen += part.num_rows
        task.report("read the times", seen / task.log.rows)
        times = times_in(part, task.roles.time, file)
        known = times[times != NULL_TIMESTAMP]
        if len(known):
            first = int(known.min()) if first is None else min(first, int(known.min()))
            newest = int(known.max()) if newest is None else max(newest, int(known.max()))
    if first is None or newest is None:
        raise WrongUse(f"{task.roles.time}: expected instants, all {seen:,} rows of {task.log.location} are null")
    return first, newest


def held(task: Task, first: int, newest: int) -> Held:
    """The reference of a log that spans `first` to `newest`."""
    if isinstance(task.reference, Sample):
        rows, words, until = _sample(task, task.reference), task.reference.location, None
    else:
        period = resolved(task.reference, first, task.monitoring.window)
        rows, words, until = _of_period(task, period, first, newest), period.words, period.end
    roles = task.roles
    features, said = _features(rows.select(list(roles.columns)), roles)
    try:
        profile = made(rows, rows, features, roles.answer, roles.task, roles.time, task.monitoring)
    except DataViolation as error:
        raise DataViolation(f"the reference ({words}): {error}") from None
    task.report("hold the reference against itself", None)
    settled = compact(settle(profile.reference, task.monitoring))
    profile = msgspec.structs.replace(profile, reference=settled)
    basis, classes = None, roles.classes
    if roles.label is not None and roles.label in rows.column_names:
        answers = answers_of(rows, roles.answer, roles.task)
        classes = classes_of(roles, rows[roles.label], answers.shape[1])
        target = codes_of(rows[roles.label], roles, classes)
        basis = _basis(task, profile, rows, answers, target, len(classes))
    starts = profile.reference.history.windows
    part = ReferencePart(
        words,
        rows.num_rows,
        len(starts),
        starts[0] if starts else None,
        None if basis is None or basis.promised is None else basis.promised.value,
        0 if basis is None or basis.promised is None else basis.promised.rows,
    )
    return Held(profile, part, until, basis, classes, said)


def _features(rows: pa.Table, roles: Roles) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """The features to watch, and what was left out of those that might be."""
    if roles.features is not None:
        return features_of(rows, roles.features), ()
    studied = study_columns(rows)
    found = tuple(column.feature for column in studied if column.feature is not None)
    said = tuple(f"{column.name} is not watched: it {column.seen}" for column in studied if column.feature is None)
    if not found:
        raise WrongUse("the reference has no column that could be a feature: " + "; ".join(said))
    return found, said


def _sample(task: Task, sample: Sample) -> pa.Table:
    """The rows of a table of its own, with the log's columns as far as it has them."""
    log, roles = Log(sample.location), task.roles
    absent = [name for name in (roles.answer, *roles.columns) if name not in log.schema.names]
    if absent:
        what = " (the model's answers to these rows: predict them first)" if roles.answer in absent else ""
        raise WrongUse(
            f"--reference {sample.location} has no column {', '.join(absent)}{what}; "
            f"it has {', '.join(log.schema.names)}"
        )
    wanted = [name for name in columns(roles) if name in log.schema.names]
    parts = [part for _, part in log.parts(wanted)]
    rows = pa.concat_tables(parts, promote_options="permissive")
    if roles.time in wanted:
        rows = rows.filter(pc.is_valid(rows[roles.time]))
    return rows


def _of_period(task: Task, period: Period, first: int, newest: int) -> pa.Table:
    found: list[pa.Table] = []
    seen = 0
    for file, part in task.log.parts(columns(task.roles)):
        seen += part.num_rows
        task.report("read the reference", seen / task.log.rows)
        times = times_in(part, task.roles.time, file)
        inside = (times >= period.start) & (times < period.end) & (times != NULL_TIMESTAMP)
        if inside.any():
            found.append(part.filter(pa.array(inside)))
    if not found:
        spans = f"{clock.to_iso(first)} to {clock.to_iso(newest)}"
        raise WrongUse(f"--reference {period.words} holds no row of {task.log.location}, which spans {spans}")
    try:
        return pa.concat_tables(found, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WrongUse(f"the types of columns change within the reference ({period.words}): {error}") from None


def columns(roles: Roles) -> list[str]:
    label = [roles.label] if roles.label is not None else []
    return list(dict.fromkeys([roles.time, roles.answer, *label, *roles.columns]))


def times_in(part: pa.Table, time: str, file: str) -> Times:
    try:
        return times_of(part, time)
    except DataViolation as error:
        raise DataViolation(f"{error} ({file})") from None


def _basis(
    task: Task,
    profile: Profile,
    rows: pa.Table,
    answers: NDArray[np.float64],
    target: NDArray[np.float64],
    classes: int,
) -> Basis | None:
    """What quality is held against, and estimated by: the reference's labelled and answered rows."""
    known = np.isfinite(target) & np.isfinite(answers).all(axis=1)
    if not known.any():
        return None
    windows = None
    if task.roles.time in rows.column_names:
        windows = (times_of(rows, task.roles.time) // task.monitoring.window)[known]
    columns = from_arrow(rows.filter(pa.array(known)), profile.features)
    names = [feature.name for feature in profile.features]
    held = HeldRows(target[known], answers[known], windows, dict(zip(names, columns, strict=True)))
    return based(task.metric, range(classes), profile.features, held, task.monitoring.slices)
