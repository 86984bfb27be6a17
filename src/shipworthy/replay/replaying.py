"""The replay of a log: once through for times, once for the reference, once for everything else.

Memory holds the reference's rows, and whole numbers a window; labelled answers wait on disk. The same code counts and
weighs as in production, so that a replay says what a watch would have said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.counts.windows import Counts, add, first_open
from shipworthy.errors import DataViolation, WrongUse
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.monitoring.assessing import Place, Rows, assessed
from shipworthy.monitoring.effect import with_effect
from shipworthy.monitoring.limits import cannot_promise
from shipworthy.monitoring.performance import Decline, Promised, declines
from shipworthy.monitoring.promise import chance_a_window
from shipworthy.monitoring.quality import settled_order
from shipworthy.monitoring.records import Quality
from shipworthy.monitoring.replaying import Replayed, replayed
from shipworthy.monitoring.tables import answers_of, count_rows
from shipworthy.replay.examples import with_examples
from shipworthy.replay.labels import codes_of
from shipworthy.replay.quality import falls, performance_alarms, relation, told
from shipworthy.replay.records import VERSION, Columns, Compared, Fall, Replay
from shipworthy.replay.reference import Held, Task, columns, held, span, times_in
from shipworthy.replay.rules import Rule, fires
from shipworthy.replay.spool import Spool

Times = NDArray[np.int64]


@dataclass(slots=True)
class _Counted:
    """What one pass over the log has gathered."""

    windows: dict[int, Counts] = field(default_factory=dict)
    before: int = 0  # rows older than the reference's end
    timeless: int = 0
    unanswered: int = 0


def replay(task: Task) -> Replay:
    """Replay a log. WrongUse, NotFound, DataViolation for what cannot be."""
    first, newest = span(task)
    reference = held(task, first, newest)
    with Spool() as spool:
        counted = _count(task, reference, spool)
        open_from = first_open(newest, task.monitoring.window, 0)
        closed = {start: counts for start, counts in counted.windows.items() if start < open_from}
        if not closed:
            raise WrongUse(
                f"no window of {clock.spoken(task.monitoring.window)} has closed after the reference "
                f"({reference.part.words}): {task.log.location} ends at {clock.to_iso(newest)}"
            )
        qualities = _qualities(task, reference, spool, closed)
    task.report("weigh the evidence", None)
    with_performance = task.monitoring.performance is not None and _promised(reference) is not None
    found = replayed(
        reference.profile.reference,
        closed,
        task.monitoring,
        others=int(with_performance),
        begins_within=reference.until is None,  # a log begins when it begins; a period ends with a window
    )
    left = sum(counts.rows for start, counts in counted.windows.items() if start >= open_from)
    notes = (*_notes(task, reference, counted), *_gaps(closed, task.monitoring.window), *_open(left))
    return _told(task, reference, closed, qualities, found, newest, notes)


def _count(task: Task, reference: Held, spool: Spool) -> _Counted:
    """Counts of every window after the reference, and labelled answers to the spool."""
    roles, counted, seen = task.roles, _Counted(), 0
    task.log.missing.clear()  # what the reference lacks comes again
    names = tuple(one.name for one in reference.profile.features)
    wanted = list(dict.fromkeys([*columns(roles)[: 2 + (roles.label is not None)], *names]))
    for file, part in task.log.parts(wanted):
        seen += part.num_rows
        task.report("count the windows", seen / task.log.rows)
        times = times_in(part, roles.time, file)
        counted.timeless += int((times == NULL_TIMESTAMP).sum())
        kept = times != NULL_TIMESTAMP
        if reference.until is not None:
            counted.before += int((kept & (times < reference.until)).sum())
            kept &= times >= reference.until
        if not kept.any():
            continue
        try:
            _take(task, reference, spool, counted, part.filter(pa.array(kept)), times[kept])
        except DataViolation as error:
            raise DataViolation(
                f"{file}: {error} (the types of the log change, or the reference's are others)"
            ) from None
    return counted


def _take(task: Task, reference: Held, spool: Spool, counted: _Counted, part: pa.Table, times: Times) -> None:
    for start, counts in count_rows(reference.profile, part, times).items():
        there = counted.windows.get(start)
        counted.windows[start] = counts if there is None else add(there, counts)
    answers = answers_of(part, task.roles.answer, task.roles.task)
    answered = np.isfinite(answers).all(axis=1)
    counted.unanswered += int((~answered).sum())
    basis = reference.basis
    if task.roles.label is None or basis is None:
        return
    target = codes_of(part[task.roles.label], task.roles, reference.classes)
    # A row without a label says something of what is estimated, but nothing where nothing is.
    kept = answered if basis.estimator is not None else answered & np.isfinite(target)
    if kept.any():
        columns = {name: part[name] for name in basis.features}
        codes = basis.codes(columns, part.num_rows)
        spool.add((times - times % task.monitoring.window)[kept], answers[kept], target[kept], codes[kept])


def _promised(reference: Held) -> Promised | None:
    return None if reference.basis is None else reference.basis.promised


def _qualities(task: Task, reference: Held, spool: Spool, closed: Mapping[int, Counts]) -> tuple[Quality, ...]:
    basis = reference.basis
    if basis is None:
        return ()
    found = []
    starts = sorted(spool.starts & closed.keys())
    for index, start in enumerate(starts):
        task.report("measure quality", index / len(starts))
        target, answers, codes = spool.read(start)
        order = settled_order(answers, target, codes)  # a log has any order
        target, answers, codes = target[order], answers[order], codes[order]
        place = Place(0, start, task.monitoring.window, task.log.identity[:12])
        quality = assessed(basis, place, Rows(answers, codes, np.isfinite(target), target))
        found.append(msgspec.structs.replace(quality, rows=closed[start].rows))
    return tuple(found)


def _told(
    task: Task,
    reference: Held,
    closed: Mapping[int, Counts],
    qualities: tuple[Quality, ...],
    found: Replayed,
    newest: int,
    notes: tuple[str, ...],
) -> Replay:
    monitoring, promised = task.monitoring, _promised(reference)
    labelled = [one for one in qualities if one.labelled]
    worse: list[Decline] = []
    if promised is not None:
        worse = declines(task.metric, labelled, promised, monitoring.performance or 0.0)
    fallen = falls(worse, -log(chance_a_window(monitoring))) if promised is not None and labelled else None
    alarms = with_examples(task, found.reference, closed, found.alarms)
    if promised is not None and monitoring.performance is not None:
        alarms += performance_alarms(worse, qualities, promised, found.log_threshold)
    alarms = [with_effect(alarm, qualities, promised) for alarm in alarms]
    alarms.sort(key=lambda alarm: (alarm.event_time, alarm.cause))
    roles = task.roles
    return Replay(
        version=VERSION,
        log=task.log.location,
        identity=task.log.identity,
        rows=task.log.rows,
        newest=newest,
        columns=Columns(
            roles.time,
            roles.answer,
            roles.task,
            roles.label,
            reference.classes,
            tuple(feature.name for feature in reference.profile.features),
        ),
        metric=task.metric if roles.label is not None else None,
        reference=reference.part,
        window=monitoring.window,
        drift=monitoring.drift,
        false_alarms=monitoring.false_alarms,
        regimes=found.regimes,
        cannot=cannot_promise(reference.profile.reference, found.regimes),
        notes=notes,
        evidence=found.evidence,
        quality=qualities,
        alarms=tuple(told(alarm, fallen, qualities, monitoring.window) for alarm in alarms),
        falls=fallen or (),
        compared=tuple(_compared(rule, reference, closed, fallen or ()) for rule in task.rules),
    )


def _compared(rule: Rule, reference: Held, closed: Mapping[int, Counts], found: Sequence[Fall]) -> Compared:
    frozen = reference.profile.reference
    fired = {start: fires(rule, frozen, closed[start]) for start in sorted(closed)}
    starts = [start for start, fire in fired.items() if fire]
    whats = [relation(start + frozen.window, found, frozen.window)[0] for start in starts]
    before = [False, *fired.values()]
    runs = sum(now and not then for now, then in zip(fired.values(), before, strict=False))
    first = starts[0] + frozen.window if starts else None
    return Compared(
        rule.name,
        rule.words,
        len(starts),
        runs,
        first,
        whats.count("before"),
        whats.count("after"),
        whats.count("none"),
    )


def _notes(task: Task, reference: Held, counted: _Counted) -> tuple[str, ...]:
    found = [*task.roles.said, *reference.said]
    older = counted.before - reference.part.rows
    if reference.until is not None and older > 0:
        found.append(f"{older:,} rows are older than the reference, and left out")
    if counted.timeless:
        found.append(f"{counted.timeless:,} rows have no {task.roles.time}, belong to no window, and are left out")
    if counted.unanswered:
        found.append(f"{counted.unanswered:,} rows have no {task.roles.answer} (null or NaN): they count as null")
    for name, (file, rows) in task.log.missing.items():
        found.append(f"{name} is missing in {rows:,} rows, the first in {file}: they count as null")
    if task.roles.label is not None and _promised(reference) is None:
        found.append(f"{task.metric} has no value on the reference, so that nothing can be said of quality")
    return tuple(found)


def _gaps(closed: Mapping[int, Counts], window: int) -> tuple[str, ...]:
    whole = (max(closed) - min(closed)) // window + 1
    if whole == len(closed):
        return ()
    return (f"{whole - len(closed):,} of {whole:,} windows hold no row: they say nothing, for or against",)


def _open(rows: int) -> tuple[str, ...]:
    return (f"the last window ({rows:,} rows) is left out: no later row says that it is whole",) if rows else ()
