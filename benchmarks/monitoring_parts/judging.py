"""From what each said of each window: alarms a year, delays, misses, causes; and thresholds of an equal false rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from monitoring_parts.scenarios import AFTER, CHANGE, DIRECTIONS, Job

YEAR = 365.25  # windows, a day each

Key = tuple[str, str]  # stream, column
Rate = Callable[[Job], float]  # false alarms a window of a job's column
Group = tuple[str, str, str]  # stream, version, direction of what is allowed


@dataclass(frozen=True)
class Said:
    """What one detector said of all jobs, in their order."""

    statistic: Sequence[np.ndarray]  # (windows,) each, larger is more drift; NaN where there is none
    fires: Sequence[np.ndarray]  # (windows,) at its default


def groups(jobs: Sequence[Job], role: str = "judge") -> Mapping[Group, list[int]]:
    """The jobs of one null version of one stream, a column each."""
    found: dict[Group, list[int]] = defaultdict(list)
    for index, job in enumerate(jobs):
        if job.version != "drift" and job.role == role:
            found[job.stream, job.version, job.direction].append(index)
    return found


def false_alarms(jobs: Sequence[Job], said: Said) -> dict[str, dict[str, float]]:
    """Of every null version, over streams: windows a year in which any column fires, and runs of such windows."""
    found: dict[str, dict[str, float]] = {}
    for (_, version, _), members in groups(jobs).items():
        any_column = np.any([said.fires[index] for index in members], axis=0)
        row = found.setdefault(version, {"windows": 0, "firing": 0, "alarms": 0})
        row["windows"] += len(any_column)
        row["firing"] += int(any_column.sum())
        row["alarms"] += alarms(any_column)
    for row in found.values():
        row["firing_a_year"] = row["firing"] / row["windows"] * YEAR
        row["alarms_a_year"] = row["alarms"] / row["windows"] * YEAR
    return found


def alarms(fires: np.ndarray) -> int:
    """Windows that fire after one that does not: what lasts is one alarm, whoever raises it. fires: (windows,)."""
    return int(np.diff(fires.astype(np.int64), prepend=0).clip(0).sum())


def thresholds(jobs: Sequence[Job], said: Said, versions: Sequence[str], rate: Rate) -> dict[Key, float]:
    """A column's smallest threshold that raises no more than `rate` alarms a window on these nulls, taken together."""
    seen: dict[Key, list[np.ndarray]] = defaultdict(list)
    allowed: dict[Key, float] = defaultdict(float)
    for job, statistic in zip(jobs, said.statistic, strict=True):
        if job.role == "calibrate" and job.version in versions and not np.isnan(statistic).all():
            seen[job.stream, job.column].append(np.nan_to_num(statistic, nan=-np.inf))
            allowed[job.stream, job.column] += rate(job) * len(statistic)
    return {key: _threshold(parts, int(allowed[key])) for key, parts in seen.items()}


def _threshold(parts: Sequence[np.ndarray], allowed: int) -> float:
    found = np.inf
    for value in np.unique(np.concatenate(parts))[::-1]:
        if sum(alarms(part > value) for part in parts) > allowed:
            break
        found = float(value)
    return found


def at(jobs: Sequence[Job], said: Said, limits: Mapping[Key, float]) -> Said:
    """The same statistics with other thresholds."""
    fires = [
        np.nan_to_num(statistic, nan=-np.inf) > limits.get((job.stream, job.column), np.inf)
        for job, statistic in zip(jobs, said.statistic, strict=True)
    ]
    return Said(said.statistic, fires)


def false_rate(jobs: Sequence[Job], said: Said, versions: Sequence[str]) -> float:
    """Alarms a window of a column on fresh nulls."""
    fires = [f for job, f in zip(jobs, said.fires, strict=True) if job.role == "judge" and job.version in versions]
    return sum(map(alarms, fires)) / sum(map(len, fires))


def delays(jobs: Sequence[Job], said: Said) -> list[dict[str, Any]]:
    """Of every direction, distance and pace: windows from the change to the first that fires, 1 at best."""
    found: dict[tuple[str, float, bool], list[float]] = defaultdict(list)
    for job, fires in zip(jobs, said.fires, strict=True):
        if job.version == "drift":
            fired = np.flatnonzero(fires[CHANGE:])
            found[job.direction, job.distance, job.gradual].append(fired[0] + 1 if len(fired) else np.inf)
    return [
        {
            "direction": direction,
            "distance": distance,
            "gradual": gradual,
            "streams": len(waits),
            "missed": float(np.mean(np.isinf(waits))),
            "median_delay": finite(float(np.sort(waits)[(len(waits) - 1) // 2 + (len(waits) - 1) % 2])),
            "mean_delay": float(np.mean(np.minimum(waits, AFTER))),
        }
        for (direction, distance, gradual), waits in sorted(found.items(), key=_in_order)
    ]


def worst(rows: Sequence[Mapping[str, Any]], distance: float, *, gradual: bool = False) -> float:
    """The longest median delay of any direction; infinite where half are missed."""
    waits = [row["median_delay"] for row in rows if row["distance"] == distance and row["gradual"] == gradual]
    return max((np.inf if wait is None else wait for wait in waits), default=np.inf)


def top_one(jobs: Sequence[Job], said: Said) -> float | None:
    """Share of alarms after an abrupt change that name the column that changed first, among all of its stream.

    The other columns are those of the independent null. Where there is no statistic, columns that fire are named alike.
    """
    others = {key: members for key, members in groups(jobs).items() if key[1] == "independent"}
    right: list[float] = []
    for index, job in enumerate(jobs):
        if job.version != "drift" or job.gradual:
            continue
        rest = [one for one in others[job.stream, "independent", ""] if jobs[one].column != job.column]
        columns, since = [index, *rest], np.arange(CHANGE, CHANGE + AFTER)
        fires = np.array([np.take(said.fires[one], since, mode="wrap") for one in columns])
        alarms = np.flatnonzero(fires.any(axis=0))
        if len(alarms):
            first = alarms[0]
            values = np.array([np.take(said.statistic[one], CHANGE + first, mode="wrap") for one in columns])
            if np.isnan(values).all():
                right.append(fires[0, first] / fires[:, first].sum())
            else:
                right.append(float(fires[0, first] and np.nanargmax(values) == 0))
    return float(np.mean(right)) if right else None


def finite(value: float) -> float | None:
    """None where it is infinite: JSON has no word for that."""
    return value if np.isfinite(value) else None


def lost(equal: Mapping[str, Sequence[Mapping[str, Any]]], ours: str) -> list[str]:
    """Where somebody is faster at an equal rate: in the worst direction, or in any from .15 on."""
    found = []
    mine = equal[ours]
    distances = sorted({row["distance"] for row in mine})
    for who, rows in equal.items():
        if who == ours:
            continue
        for gradual in (False, True):
            pace = "gradual" if gradual else "abrupt"
            for distance in distances:
                theirs, own = (worst(of, distance, gradual=gradual) for of in (rows, mine))
                if theirs < own:
                    found.append(
                        f"{who}: worst direction at {distance:.2f}, {pace}: {theirs:.0f} windows, ours {own:.0f}"
                    )
        for own_row in mine:
            row = next(
                one for one in rows if all(one[key] == own_row[key] for key in ("direction", "distance", "gradual"))
            )
            if own_row["distance"] >= 0.15 and _wait(row) < _wait(own_row):
                pace = "gradual" if row["gradual"] else "abrupt"
                found.append(
                    f"{who}: {row['direction']} by {row['distance']:.2f}, {pace}: {_wait(row):.0f} windows, "
                    f"ours {_wait(own_row):.0f}"
                )
    return found


def _wait(row: Mapping[str, Any]) -> float:
    return np.inf if row["median_delay"] is None else row["median_delay"]


def _in_order(entry: tuple[tuple[str, float, bool], list[float]]) -> tuple[float, bool, int]:
    (direction, distance, gradual), _ = entry
    return distance, gradual, DIRECTIONS.index(direction)
