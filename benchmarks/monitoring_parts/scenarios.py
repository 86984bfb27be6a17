"""Null versions of a real stream and drifts injected into it, one column at a time.

Rows are drawn from all rows of a stream, so that nothing differs but by chance. Null versions: as drawn; a weekly
season (on two windows of seven, .09 of the mass is elsewhere; the reference has the same weeks); bursts (every row
twenty times in its window); clusters (real windows of time in random order: rows of a day share their day); in time
order (the reference is every other stretch of ten windows, what follows the stretches between them); and moved by .05,
which is allowed, in each direction. Drifts move a share of the rows, so that the total variation is known: location up
or down (from one half of the values to the other), scale out or in (from the middle half to the tails, or back), a
category more or less often, values missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from monitoring_parts.real import Column, Stream

ROWS, REFERENCE = 500, 40  # rows a window; windows of the reference
SEASON, ALLOWED = 0.09, 0.05
CHANGE, RAMP, AFTER = 10, 20, 50  # window of the change; windows that a gradual one takes; windows from the change on
NULLS = ("independent", "season", "bursts", "clusters", "time order", "allowed")
WITHIN = ("independent", "allowed")  # nulls whose windows move by no more than is allowed
NUMBERS, CATEGORIES = ("up", "down", "out", "in"), ("more", "less")
DIRECTIONS = (*NUMBERS, *CATEGORIES, "missing")
KINDS = dict(
    zip(DIRECTIONS, ("location", "location", "scale", "scale", "category", "category", "missing"), strict=True)
)


@dataclass(frozen=True)
class Job:
    """One column of one version of one stream: a reference, and the windows that follow."""

    stream: str
    column: str
    category: bool
    version: str  # of NULLS, or "drift"
    role: str  # "calibrate" or "judge"
    reference: np.ndarray  # (reference windows, rows)
    windows: np.ndarray  # (windows, rows)
    watched: int  # columns of the stream
    direction: str = ""
    distance: float = 0.0
    gradual: bool = False
    repeat: int = 0


def nulls(stream: Stream, columns: Sequence[Column], windows: int, within: int, role: str, seed: int) -> Iterator[Job]:
    """Every null version of every column, drawn with a seed of its own.

    windows: of each; within: of each that moves by no more than is allowed.
    """
    rng = np.random.default_rng([seed, *stream.name.encode()])

    def job(version: str, column: Column, values: np.ndarray, begins: int, direction: str = "") -> Job:
        before, after = values[:begins], values[begins:]
        named = (stream.name, column.name, column.category, version, role)
        return Job(*named, before, after, len(columns), direction)

    for version in NULLS[:-1]:
        picked, begins = _picked(rng, stream, version, within if version in WITHIN else windows)
        weekend = np.isin(np.arange(len(picked)) % 7, (5, 6))
        for column in columns:
            values = column.values[picked]
            if version == "season":
                able = [direction for direction in DIRECTIONS if can(column, direction, SEASON)]
                values[weekend] = moved(rng, column, values[weekend], str(rng.choice(able)), SEASON)
            yield job(version, column, values, begins)
    for direction in DIRECTIONS:
        picked = rng.integers(0, len(stream.days), (REFERENCE + within, ROWS))
        for column in columns:
            if can(column, direction, ALLOWED):
                values = column.values[picked]
                values[REFERENCE:] = moved(rng, column, values[REFERENCE:], direction, ALLOWED)
                yield job("allowed", column, values, REFERENCE, direction)


def drifts(
    stream: Stream, columns: Sequence[Column], distances: Sequence[float], repeats: int, seed: int
) -> Iterator[Job]:
    """Every direction, abrupt and gradual, each in `repeats` draws over the columns that can drift so."""
    rng = np.random.default_rng([seed, *stream.name.encode()])
    for direction in DIRECTIONS:
        able = [column for column in columns if can(column, direction, max(distances))]
        for repeat in range(repeats if able else 0):
            column = able[(repeat + DIRECTIONS.index(direction)) % len(able)]
            for distance in distances:
                for gradual in (False, True):
                    values = column.values[rng.integers(0, len(column.values), (REFERENCE + CHANGE + AFTER, ROWS))]
                    before, after = values[:REFERENCE], values[REFERENCE:]
                    steps = np.arange(1, AFTER + 1) / RAMP if gradual else np.ones(AFTER)
                    for index, share in enumerate(np.minimum(steps, 1.0)):
                        window = after[CHANGE + index]
                        after[CHANGE + index] = moved(rng, column, window, direction, distance * share)
                    yield Job(
                        stream.name, column.name, column.category, "drift", "judge", before, after, len(columns),
                        direction, distance, gradual, repeat,
                    )  # fmt: skip


def moved(rng: np.random.Generator, column: Column, values: np.ndarray, direction: str, share: float) -> np.ndarray:
    """The values with a share of all rows moved, so that the total variation to before is that share."""
    if direction == "missing":
        return np.where(rng.random(values.shape) < share, np.nan, values)
    if column.category:
        heaviest, held = column.heaviest
        if direction == "more":
            return np.where((values != heaviest) & (rng.random(values.shape) < share / (1 - held)), heaviest, values)
        changing = (values == heaviest) & (rng.random(values.shape) < share / held)
        return np.where(changing, rng.choice(column.known[column.known != heaviest], values.shape), values)
    inner = direction in ("out", "in")
    low, middle, high = column.quartiles

    def inside(of: np.ndarray) -> np.ndarray:
        return (of > low) & (of <= high) if inner else of <= middle

    leaving = inside if direction in ("up", "out") else lambda of: ~inside(of) & ~np.isnan(of)
    changing = leaving(values) & (rng.random(values.shape) < share / leaving(column.values).mean())
    return np.where(changing, rng.choice(column.known[~leaving(column.known)], values.shape), values)


def can(column: Column, direction: str, distance: float) -> bool:
    """Whether a column can drift so, and by so much."""
    if direction == "missing":
        return True
    _, largest = column.heaviest
    if column.category:
        return direction in CATEGORIES and distance < largest < 1 - distance
    return direction in NUMBERS and largest < 0.2


def _picked(rng: np.random.Generator, stream: Stream, version: str, windows: int) -> tuple[np.ndarray, int]:
    """Rows by their index, (windows, ROWS), and how many of the windows are the reference.

    They are the same for all columns, so that what goes together stays together.
    """
    total = REFERENCE + windows
    if version == "clusters":
        return _of_days(rng, stream, rng.integers(0, stream.days.max() + 1, total)), REFERENCE
    if version == "time order":
        days = np.arange(stream.days.max() + 1)
        before, after = days[days // 10 % 2 == 0], days[days // 10 % 2 == 1][:windows]
        return _of_days(rng, stream, np.concatenate([before, after])), len(before)
    if version == "bursts":
        return np.repeat(rng.integers(0, len(stream.days), (total, ROWS // 20)), 20, axis=1), REFERENCE
    return rng.integers(0, len(stream.days), (total, ROWS)), REFERENCE


def _of_days(rng: np.random.Generator, stream: Stream, days: np.ndarray) -> np.ndarray:
    begins = np.searchsorted(stream.days, days, side="left")
    ends = np.searchsorted(stream.days, days, side="right")
    share = (np.arange(ROWS) + rng.random((len(days), ROWS))) / ROWS  # in order, without holes
    return begins[:, None] + (share * (ends - begins)[:, None]).astype(np.int64)
