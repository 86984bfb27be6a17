"""Monitoring of tables, without a server: a profile of the reference, counts of windows, evidence.

    from shipworthy.monitoring import count, evidence, profile

    reference = profile(january_to_march, score="p_late", time="departure", window="1d")
    windows = count(reference, april)              # {start of the window: whole numbers}, exact, merged by addition
    said = evidence(reference, windows, drift=0.05, false_alarms=1)
    for alarm in said.alarms:
        print(alarm.words)

A table is anything that Arrow can take: pyarrow, pandas, polars, DuckDB. Counts of one profile may be made anywhere, in
any order, and merged: the evidence is the same. Nothing is written, and no network is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy import clock, digest
from shipworthy.contract.records import Feature, Monitoring, Season, Task
from shipworthy.contract.rules import ZONE, did_you_mean
from shipworthy.contract.study import study_columns, type_of
from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts, add, count_by_window, place
from shipworthy.errors import DataViolation, WrongUse
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.monitoring.freezing import Rows, built, narrowed
from shipworthy.monitoring.replaying import Replayed, replayed

VERSION = 1
Floats = NDArray[np.float64]


class Profile(msgspec.Struct, frozen=True):
    """A reference, and which columns of a table it is held against."""

    version: int
    reference: Reference
    features: tuple[Feature, ...]  # what is watched of the inputs; all may be null, and nulls are counted
    answer: str  # the column of scores or predictions
    task: Task
    time: str | None  # the column that says when; None: the caller does
    season: Season = "auto"
    segment: str | None = None
    timezone: str = "UTC"


def profile(  # noqa: PLR0913 - a keyword each
    table: Any,
    *,
    score: str | None = None,
    prediction: str | None = None,
    time: str | None = None,
    features: Sequence[str] | Sequence[Feature] | None = None,
    window: str = "1d",
    season: Season = "auto",
    segment: str | None = None,
    timezone: str = "UTC",
    pairs: int = 0,
) -> Profile:
    """The profile of a reference table (n >= 1 rows): bins, counts, and counts by window where it has times.

    score: column of probabilities, (n,) of the positive class or lists of all classes; prediction: column of numbers,
    for a regression; one of the two. time: column of instants (no offset: UTC). features: columns to watch, by name
    with the types they have here, or as the contract's records; None: all that could be inputs. window: "1d", "1h", ….
    season: hold rows against those of the same "hour-of-day", "day-of-week" or "hour-of-week"; "auto": where the
    reference needs it; "none"; by the clocks of `timezone`. segment: a feature, whose values rows are told apart by
    instead.
    pairs: so many pairs of features, those that depend on each other most, are watched together, besides.
    WrongUse, DataViolation for a column that is not there or holds what it cannot.
    """
    rows = as_table(table)
    if (score is None) == (prediction is None):
        raise WrongUse("name one column of answers: score= (probabilities) or prediction= (numbers of a regression)")
    answer = score if score is not None else str(prediction)
    task: Task = "classification" if score is not None else "regression"
    for name in (answer, *([time] if time is not None else [])):
        require(rows, name)
    if not rows.num_rows:
        raise WrongUse("the reference has no rows")
    chosen = features_of(rows, features, leave_out=(answer, *([time] if time is not None else [])))
    if season not in get_args(Season):
        raise WrongUse(f"season = {season!r}: expected {', '.join(get_args(Season))}")
    wanted = Monitoring(
        window=clock.duration(window), season=season, segment=segment, timezone=_zone(timezone), pairs=pairs
    )
    found = made(rows, rows, chosen, answer, task, time, wanted)
    return msgspec.structs.replace(found, reference=narrowed(found.reference, wanted))


def made(
    history: pa.Table,
    held: pa.Table,
    features: Sequence[Feature],
    answer: str,
    task: Task,
    time: str | None,
    monitoring: Monitoring,
) -> Profile:
    """The profile of rows that features are taken from, and of rows that answers are; both may be the same.

    Its regimes are not settled yet, and it is counted by all slots that they may need.
    """
    answers = answers_of(held, answer, task)
    if not np.isfinite(answers).any():
        raise DataViolation(f"{answer}: expected numbers, all {len(answers):,} rows of the reference are null or NaN")
    watched = tuple(msgspec.structs.replace(feature, nullable=True) for feature in features)
    reference = built(watched, _rows(history, watched, time), _rows(held, watched, time), answers, monitoring)
    told_by = (monitoring.season, monitoring.segment, monitoring.timezone)
    return Profile(VERSION, reference, watched, answer, task, time, *told_by)


def _zone(name: str) -> str:
    try:
        found: str = ZONE.take(name)
    except ValueError as error:
        raise WrongUse(f"timezone = {name!r}: expected {ZONE.expected} ({error})") from None
    return found


def _rows(table: pa.Table, features: Sequence[Feature], time: str | None) -> Rows:
    timed = time is not None and time in table.column_names
    return Rows(from_arrow(table, features), times_of(table, time) if time is not None and timed else None)


def count(profile: Profile, table: Any, *, at: str | datetime | None = None) -> dict[int, Counts]:
    """What each window of a table holds, by the window's start in ns since 1970, UTC.

    at: an instant of the window that all rows belong to, for a profile without a column of times.
    """
    rows = as_table(table)
    if not rows.num_rows:
        return {}
    for name in (profile.answer, *([profile.time] if profile.time is not None else [])):
        require(rows, name)
    times = _times(profile, rows, at)
    return count_rows(profile, rows, times)


def count_rows(profile: Profile, rows: pa.Table, times: NDArray[np.int64]) -> dict[int, Counts]:
    """`count` of n rows at times (n,), ns."""
    answers = answers_of(rows, profile.answer, profile.task)
    windows, _ = place(times, profile.reference.window, None)
    return count_by_window(profile.reference, windows, from_arrow(rows, profile.features), answers, times=times)


def merge(*parts: Mapping[int, Counts]) -> dict[int, Counts]:
    """Counts of several tables together: addition of whole numbers, so that neither order nor grouping matters.

    WrongUse where they were counted against different profiles.
    """
    together: dict[int, Counts] = {}
    for part in parts:
        for start, counts in part.items():
            together[start] = add(together[start], counts) if start in together else counts
    return together


def evidence(
    profile: Profile, windows: Mapping[int, Counts], *, drift: float = 0.05, false_alarms: float = 1.0
) -> Replayed:
    """What the windows, taken in the order of time, say against the reference: evidence of each, and alarms.

    drift: share of rows that may move (total variation); false_alarms: a year, for all that is watched together.
    """
    if not 0 < drift < 1:
        raise WrongUse(f"drift = {drift:g}: expected a share of rows above 0 and below 1")
    if not false_alarms > 0:
        raise WrongUse(f"false_alarms = {false_alarms:g}: expected a number a year above 0")
    wanted = Monitoring(
        drift=drift,
        false_alarms=false_alarms,
        window=profile.reference.window,
        season=profile.season,
        segment=profile.segment,
        timezone=profile.timezone,
    )
    return replayed(profile.reference, windows, wanted)


def encode(profile: Profile) -> bytes:
    """A profile as canonical JSON: a few kilobytes a feature, to be kept beside the model."""
    return digest.canonical_json(profile)


def decode(content: bytes) -> Profile:
    """The profile of `encode`; WrongUse for anything else."""
    try:
        found = msgspec.json.decode(content, type=Profile)
    except msgspec.DecodeError as error:
        raise WrongUse(f"not a profile of shipworthy.monitoring: {error}") from None
    if found.version != VERSION:
        raise WrongUse(f"profile of format {found.version}: this shipworthy reads format {VERSION}")
    return found


def as_table(data: Any) -> pa.Table:
    """Anything that Arrow can take, as an Arrow table."""
    if isinstance(data, pa.Table):
        return data
    try:
        return pa.table(data)
    except (TypeError, ValueError) as error:
        kind = type(data).__name__
        raise WrongUse(
            f"a {kind} is no table: expected pyarrow, pandas, polars or a dict of columns ({error})"
        ) from None


def require(rows: pa.Table, name: str) -> None:
    """WrongUse where a table has no such column."""
    if name not in rows.column_names:
        hint = did_you_mean(name, rows.column_names) or f"there are {', '.join(rows.column_names)}"
        raise WrongUse(f"there is no column {name!r} ({hint})")


def features_of(
    rows: pa.Table, wanted: Sequence[str] | Sequence[Feature] | None, *, leave_out: Sequence[str] = ()
) -> tuple[Feature, ...]:
    """The features to watch: those wanted, or every column that could be an input of a model."""
    if wanted is None:
        rest = rows.select([name for name in rows.column_names if name not in leave_out])
        found = tuple(column.feature for column in study_columns(rest) if column.feature is not None)
        if not found:
            raise WrongUse(f"no column but {', '.join(leave_out)} could be a feature; name some by features=")
        return found
    return tuple(_feature(rows, one) if isinstance(one, str) else one for one in wanted)


def _feature(rows: pa.Table, name: str) -> Feature:
    require(rows, name)
    kind = type_of(rows.schema.field(name).type)
    if kind is None:
        if pa.types.is_null(rows.schema.field(name).type):
            return Feature(name=name, type="float", nullable=True)
        raise WrongUse(f"{name} is of type {rows.schema.field(name).type}, which no feature can have")
    return Feature(name=name, type=kind, nullable=True)


def answers_of(rows: pa.Table, answer: str, task: Task) -> Floats:
    """(n, k) answers: probabilities of all classes, or (n, 1) predictions; NaN where there is none."""
    column = rows[answer]
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or pa.types.is_fixed_size_list(column.type):
        values = _of_lists(column, answer)
        return _probabilities(values, answer) if task == "classification" else values
    if type_of(column.type) not in ("integer", "float") and not pa.types.is_null(column.type):
        raise DataViolation(f"{answer}: expected numbers, the column is {column.type}")
    numbers: Floats = column.cast(pa.float64()).to_numpy()
    if task == "regression":
        return numbers[:, None]
    return _probabilities(np.stack([1 - numbers, numbers], axis=1), answer)


def times_of(rows: pa.Table, time: str) -> NDArray[np.int64]:
    """(n,) ns since 1970, UTC; NULL_TIMESTAMP where there is none. DataViolation for a column that tells no time."""
    kind = rows.schema.field(time).type
    if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        raise DataViolation(f"{time}: expected instants (timestamp or date), the column is {kind}: cast it before")
    [found] = from_arrow(rows, [Feature(name=time, type="timestamp", nullable=True)])
    instants: NDArray[np.int64] = found.astype(np.int64, copy=False)
    return instants


def _times(profile: Profile, rows: pa.Table, at: str | datetime | None) -> NDArray[np.int64]:
    if at is not None:
        instant = clock.from_iso(at) if isinstance(at, str) else clock.from_datetime(at)
        return np.full(rows.num_rows, instant, dtype=np.int64)
    if profile.time is None:
        raise WrongUse("the profile has no column of times: say which window the rows belong to by at=")
    times = times_of(rows, profile.time)
    missing = int((times == NULL_TIMESTAMP).sum())
    if missing:
        raise DataViolation(f"{profile.time}: {missing:,} rows have no time, and belong to no window; leave them out")
    return times


def _of_lists(column: pa.ChunkedArray[Any], answer: str) -> Floats:
    lists: Any = column.combine_chunks()
    flat: Floats = lists.flatten().cast(pa.float64()).to_numpy(zero_copy_only=False)
    width, rest = divmod(len(flat), len(lists)) if len(lists) else (0, 0)
    if lists.null_count or not width or rest:
        raise DataViolation(f"{answer}: expected a list of one length in every row, of all classes' probabilities")
    return flat.reshape(-1, width)


def _probabilities(values: Floats, answer: str) -> Floats:
    outside = (values < 0) | (values > 1)
    if outside.any():
        wrong = np.flatnonzero(outside.any(axis=1))
        first = float(values[wrong[0], -1])
        raise DataViolation(
            f"{answer}: expected probabilities from 0 to 1, {len(wrong):,} rows are not, the first is {first:g}; "
            "numbers of a regression are named as a prediction"
        )
    return values
