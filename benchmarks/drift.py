"""Drift on streams of real data: false alarms, delays, misses and causes, of ours and five others, in one table.

    python benchmarks/drift.py [--quick] [--peers evidently,nannyml] [--json FILE]

Streams, null versions and injected drifts are described in monitoring_parts/real.py and scenarios.py: a window is 500
rows, a reference 40 windows or, in the order of time, half of the stream. Every detector first stands at its documented
default. `firing` is windows a year (of a day each) in which any column fires; delays are in windows, 1 at best, medians
over streams; `missed` is the share not found within 50 windows; `top-1` how often the alarm names the column that
changed; MTR is (mean time between false alarms / mean delay) x (1 - missed), on independent rows.

Then all stand at an equal rate of false alarms: thresholds, ours too, are set column by column on nulls that move by no
more than .05, and judged on other draws. What lasts for several windows is one alarm, whoever raises it. The rates are
one alarm in 100 windows of a column, and what ours promises: one a year for all columns of a stream. "As it stands" is
ours with the threshold of its promise, which needs no null to be known. `lost` names every direction in which somebody
is faster than ours then: than ours at the same rate, and than ours as it stands at the rate that it promises.

Peers run in environments of their own, that are made at the first time; what they said of the same draws is kept under
build/ (--afresh asks again).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from monitoring_parts import judging, ours, remembered
from monitoring_parts.detectors import HOMES, PEERS
from monitoring_parts.judging import Rate, Said, finite
from monitoring_parts.real import LOCKS, STREAMS
from monitoring_parts.scenarios import NULLS, WITHIN, Job, drifts, nulls
from serving_parts.environments import Unavailable, python_of

OURS = "shipworthy"
STANDING = "as it stands"
RATES: dict[str, tuple[Sequence[str], Rate]] = {  # nulls that thresholds are set on, and alarms a window of a column
    "1 in 100 windows": (WITHIN, lambda job: 1 / 100),
    "as promised": (WITHIN, lambda job: 1 / (judging.YEAR * job.watched)),
    "1 in 100 windows of every null": (NULLS, lambda job: 1 / 100),
}
WITHIN_TIMES = 2  # nulls that thresholds are set on are longer: an alarm a year is rare
WATCHED = {  # columns that can drift in several ways, of every kind
    "flights": ("dest", "distance", "temp", "carrier"),
    "flight delays": ("AIRLINE", "DEPARTURE_DELAY", "DISTANCE"),
    "employment": ("AGEP", "SCHL", "RELP"),
    "car loan": ("salary_range", "car_value", "debt_to_income_ratio"),
}
QUIET = {
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def jobs_of(
    names: Sequence[str], most: int | None, windows: int, repeats: int, distances: Sequence[float], seed: int
) -> list[list[Job]]:
    """Nulls that thresholds are set on, nulls that judge them, and drifts: each with a seed of its own."""
    set_on, judges, moved = list[Job](), list[Job](), list[Job]()
    for name in names:
        stream = STREAMS[name]()
        columns = [column for column in stream.columns if column.name in WATCHED[name]][:most]
        set_on += nulls(stream, columns, windows, WITHIN_TIMES * windows, "calibrate", seed + 1)
        judges += nulls(stream, columns, windows, windows, "judge", seed + 2)
        moved += drifts(stream, columns, distances, repeats, seed + 3)
    return [set_on, judges, moved]


def by_ours(jobs: Sequence[Job]) -> tuple[Said, float]:
    """What our evidence says, and the share of null jobs whose rows count one by one."""
    told = [ours.says(job) for job in jobs]
    fires: list[np.ndarray] = [np.zeros(0)] * len(jobs)
    for role in ("calibrate", "judge"):
        for members in judging.groups(jobs, role).values():
            together = ours.fires(np.array([told[index][0] for index in members]), len(members))
            for index, row in zip(members, together, strict=True):
                fires[index] = row
    for index, job in enumerate(jobs):
        if job.version == "drift":
            fires[index] = ours.fires(told[index][0][None, :], job.watched)[0]
    return Said([one for one, _ in told], fires), float(np.mean([bets == "row" for _, bets in told]))


def write(jobs: Sequence[Job], folder: Path, labels: Sequence[np.ndarray] | None = None) -> None:
    """What the peers read; labels: (windows, rows) of each job, the reference's first."""
    (folder / "said").mkdir()
    described = [{"category": job.category, "watched": job.watched, "column": job.column} for job in jobs]
    (folder / "jobs.json").write_text(json.dumps(described))
    for number, job in enumerate(jobs):
        more = {} if labels is None else {"labels": labels[number]}
        np.savez(folder / f"{number}.npz", reference=job.reference, windows=job.windows, **more)


def asked(who: str, parts: Sequence[Sequence[Job]], *, afresh: bool) -> tuple[Said, float]:
    """What a peer says of all jobs, or said of the same ones before; and how many seconds that took. Unavailable."""
    together, seconds = Said([], []), 0.0
    for part in parts:

        def ask(jobs: Sequence[Job] = part) -> tuple[Said, float]:
            print(
                f"asking {who} about {sum(len(job.windows) for job in jobs):,} windows …", file=sys.stderr, flush=True
            )
            with tempfile.TemporaryDirectory() as folder:
                write(jobs, Path(folder))
                began = time.perf_counter()
                return by_peer(who, jobs, Path(folder)), time.perf_counter() - began

        said, took = remembered.said(who, part, ask, afresh=afresh)
        together = Said([*together.statistic, *said.statistic], [*together.fires, *said.fires])
        seconds += took
    return together, seconds


def by_peer(who: str, jobs: Sequence[Job], folder: Path) -> Said:
    """What a peer says, in its own environment. Unavailable."""
    script = Path(__file__).resolve().parent / "monitoring_parts" / "detectors.py"
    done = subprocess.run(
        [str(python_of(HOMES.get(who, who), LOCKS)), str(script), who, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **QUIET},
    )
    if done.returncode:
        raise Unavailable((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
    statistic, fires = [], []
    for number in range(len(jobs)):
        with np.load(folder / "said" / f"{who}-{number}.npz") as found:
            statistic.append(found["statistic"])
            fires.append(found["fires"].astype(bool))
    return Said(statistic, fires)


def row_of(who: str, jobs: Sequence[Job], said: Said, distances: Sequence[float], seconds: float) -> dict[str, Any]:
    """A line of the first table."""
    false = judging.false_alarms(jobs, said)
    waits = judging.delays(jobs, said)
    chosen = [row for row in waits if row["distance"] == distances[-1] and not row["gradual"]]
    missed, delay = (float(np.mean([row[key] for row in chosen])) for key in ("missed", "mean_delay"))
    between = false["independent"]["windows"] / max(1, false["independent"]["firing"])
    return {
        "who": who,
        "false_alarms": false,
        "delays": waits,
        "worst_delay": {f"{d:.2f}": finite(judging.worst(waits, d)) for d in distances},
        "missed": missed,
        "top_one": judging.top_one(jobs, said),
        "mtr": between / delay * (1 - missed),
        "seconds": seconds,
    }


def equal_rate(jobs: Sequence[Job], said: dict[str, Said], name: str) -> dict[str, dict[str, Any]]:
    """Everybody at thresholds that are set on nulls, to one of the RATES; and ours as it stands."""
    versions, rate = RATES[name]
    found = {f"{OURS}, {STANDING}": _judged(jobs, said[OURS], versions)}
    for who, one in said.items():
        if all(np.isnan(statistic).all() for statistic in one.statistic):
            continue  # it has no statistic whose threshold could be set
        fair = judging.at(jobs, one, judging.thresholds(jobs, one, versions, rate))
        found[who] = _judged(jobs, fair, versions)
    return found


def _judged(jobs: Sequence[Job], said: Said, versions: Sequence[str]) -> dict[str, Any]:
    return {"false_rate": judging.false_rate(jobs, said, versions), "delays": judging.delays(jobs, said)}


def lost(equal: dict[str, dict[str, dict[str, Any]]]) -> dict[str, list[str]]:
    """Where ours is slower: at the same rate; and as it stands, where peers have the rate that it promises."""
    standing, found = f"{OURS}, {STANDING}", {}
    for name in ("1 in 100 windows", "as promised"):
        delays = {who: one["delays"] for who, one in equal[name].items() if who != standing}
        found[name] = judging.lost(delays, OURS)
    peers = {who: one["delays"] for who, one in equal["as promised"].items() if who != OURS}
    return found | {STANDING: judging.lost(peers, standing)}


def main() -> None:
    """Make the jobs, ask everybody, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two streams, fewer draws")
    parser.add_argument("--peers", help=f"whom to ask besides ours, of {','.join(PEERS)}; empty: nobody")
    parser.add_argument("--streams", help=f"of {', '.join(WATCHED)}")
    parser.add_argument("--columns", type=int, help="columns of each stream, at most")
    parser.add_argument("--windows", type=int, help="windows of every null")
    parser.add_argument("--afresh", action="store_true", help="ask peers again what they have said before")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other draws")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    names = options.streams.split(",") if options.streams else list(WATCHED)[: 2 if options.quick else None]
    peers = (
        (PEERS if not options.quick else ("nannyml", "alibi-detect"))
        if options.peers is None
        else filter(None, options.peers.split(","))
    )
    distances = (0.10, 0.15) if options.quick else (0.10, 0.15, 0.20)
    windows, repeats = (60, 1) if options.quick else (120, 2)
    parts = jobs_of(names, options.columns, options.windows or windows, repeats, distances, options.seed)
    jobs = [job for part in parts for job in part]
    began = time.perf_counter()
    mine, by_row = by_ours(jobs)
    said, took, unavailable = {OURS: mine}, {OURS: time.perf_counter() - began}, {}
    for who in peers:
        try:
            said[who], took[who] = asked(who, parts, afresh=options.afresh)
        except Unavailable as reason:
            unavailable[who] = str(reason)
    rows = [row_of(who, jobs, one, distances, took[who]) for who, one in said.items()]
    equal = {name: equal_rate(jobs, said, name) for name in RATES}
    lost_to = lost(equal)
    _print_defaults(rows, distances, unavailable)
    _print_equal(equal, distances, lost_to)
    if options.json:
        content = {
            "rows": rows,
            "equal_rate": equal,
            "lost": lost_to,
            "unavailable": unavailable,
            "ours_by_row": by_row,
        }
        options.json.write_text(json.dumps(content, indent=1))


def _print_defaults(rows: Sequence[dict[str, Any]], distances: Sequence[float], unavailable: dict[str, str]) -> None:
    print("At documented defaults: windows a year in which any column fires (in brackets: alarms, one a run of them)")
    print(f"{'':14}" + "".join(f"{version:>17}" for version in NULLS))
    for row in rows:
        cells = [row["false_alarms"][version] for version in NULLS]
        print(
            f"{row['who']:14}" + "".join(f"{one['firing_a_year']:10.1f} ({one['alarms_a_year']:4.1f})" for one in cells)
        )
    header = "".join(f"{f'worst at {d:.2f}':>15}" for d in distances)
    print(f"\n{'':14}{header}{'missed':>9}{'top-1':>8}{'MTR':>9}{'seconds':>9}")
    for row in rows:
        waits = "".join(f"{_words(row['worst_delay'][f'{d:.2f}']):>15}" for d in distances)
        print(
            f"{row['who']:14}{waits}{row['missed']:9.0%}{row['top_one'] or 0:8.0%}{row['mtr']:9.1f}"
            f"{row['seconds']:9.0f}"
        )
    for who, reason in unavailable.items():
        print(f"{who:14}{reason}")


def _print_equal(equal: dict[str, dict[str, Any]], distances: Sequence[float], lost_to: dict[str, list[str]]) -> None:
    for name, found in equal.items():
        print(f"\nAt an equal rate of false alarms, {name}: the longest median delay of any direction")
        columns = [(d, gradual) for gradual in (False, True) for d in distances]
        print(f"{'':26}{'false':>8}" + "".join(f"{f'{d:.2f}' + (' slow' if g else ''):>12}" for d, g in columns))
        for who, one in found.items():
            waits = [_words(finite(judging.worst(one["delays"], d, gradual=gradual))) for d, gradual in columns]
            print(f"{who:26}{one['false_rate']:8.2%}" + "".join(f"{wait:>12}" for wait in waits))
    for name, found in lost_to.items():
        print(f"\nlost, {name}:", *(found or ["nowhere"]), sep="\n  ")


def _words(delay: float | None) -> str:
    return "missed" if delay is None else f"{delay:.0f}"


if __name__ == "__main__":
    main()
