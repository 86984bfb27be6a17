"""Do alarms mean quality? Precision and recall against real loss of it, and what refreshes on an alarm win.

    python benchmarks/degradation.py [--quick] [--peers nannyml,cbpe] [--json FILE]

Four streams with labels (monitoring_parts/real.py): each as it is, and made again from its own reference with another
half: labels of one row in six turned round (quality is lost, nothing else moves) or a feature moved by .3 behind the
model's back (the world moves, quality stays). A window is *bad* where the AUC, as the mean of ten windows around it, is
below the reference's by .02 and by two standard errors. `precision` is the share of windows in which a rule fires that
are bad, or at most ten windows before or after one; `recall` the share of bad spells in which it fires, or at most ten
windows before. Ours is `watch --log`: evidence of drift, evidence of labels, and the AUC that is estimated without them
where it is surely lower by .02; the others stand at their documented defaults, where any column (the score is one)
fires.

Estimates are held against what the labels said of each window (monitoring_parts/estimates.py): ours and NannyML's (CBPE
of the AUC; DLE of the mean absolute error of a regression, as a share of the one held out), and "as held out", which
says what the reference had. `error` is the mean distance from the truth, `bias` its mean with the sign.

Then the flights from April on, with a model that is trained again on sixty days whenever ours speaks (and 14 days have
passed), or as often by the calendar: the mean of the daily AUC. The calendar is tried at three offsets.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from drift import by_peer, write
from monitoring_parts import estimates, refreshing
from monitoring_parts.labelled import NEAR, Labelled, changed, from_real, loss, watched
from monitoring_parts.scenarios import Job
from serving_parts.environments import Unavailable

OURS = ("ours, drift", "ours, labels", "ours, estimate")
PEERS = ("evidently", "nannyml", "cbpe", "whylogs", "alibi-detect", "river")
STREAMS = ("car loan", "employment", "flights", "housing")


@dataclass(frozen=True)
class Rule:
    """When a rule fired on a stream."""

    who: str
    stream: str
    version: str
    fires: np.ndarray  # (windows,)
    bad: np.ndarray  # (windows,)


def columns_of(one: Labelled) -> list[Job]:
    """What the peers read: a job a feature, and one of the score, with labels of the reference."""
    found = []
    names = [*(column.name for column in one.columns), "score"]
    for name, category, values in zip(
        names, [*(column.category for column in one.columns), False], one.values, strict=True
    ):
        before, after = values[: one.reference], values[one.reference :]
        found.append(Job(one.stream, name, category, one.version, "judge", before, after, len(names)))
    return found


def by_peers(versions: Sequence[Labelled], peers: Sequence[str], unavailable: dict[str, str]) -> Iterator[Rule]:
    """Each peer on each stream: any column."""
    jobs = [columns_of(one) for one in versions]
    flat = [job for of_stream in jobs for job in of_stream]
    with tempfile.TemporaryDirectory() as folder:
        write(flat, Path(folder), [one.labels for one in versions for _ in (*one.columns, "score")])
        for who in peers:
            try:
                fires = iter(by_peer(who, flat, Path(folder)).fires)
            except Unavailable as reason:
                unavailable[who] = str(reason)
                continue
            for one, of_stream in zip(versions, jobs, strict=True):
                any_column = np.any([next(fires) for _ in of_stream], axis=0)
                yield Rule(who, one.stream, one.version, any_column, loss(one))


def judged(rules: Sequence[Rule]) -> dict[str, Any]:
    """Precision and recall of one detector over streams."""
    firing = right = spells = found = 0
    for rule in rules:
        near = np.convolve(rule.bad, np.ones(2 * NEAR + 1), "same") > 0
        firing, right = firing + int(rule.fires.sum()), right + int((rule.fires & near).sum())
        edges = np.flatnonzero(np.diff(np.concatenate([[0], rule.bad.astype(int), [0]])))
        for begin, end in edges.reshape(-1, 2):
            spells += 1
            found += bool(rule.fires[max(0, begin - NEAR) : end].any())
    windows = sum(len(rule.fires) for rule in rules)
    return {
        "windows": windows,
        "firing": firing,
        "bad": int(sum(rule.bad.sum() for rule in rules)),
        "spells": spells,
        "precision": right / firing if firing else None,
        "recall": found / spells if spells else None,
    }


def main() -> None:
    """Alarms against loss, then refreshes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two streams, two peers, no refreshes on labels")
    parser.add_argument("--peers", help=f"whom to ask besides ours, of {','.join(PEERS)}; empty: nobody")
    parser.add_argument("--streams", help=f"of {', '.join(STREAMS)}")
    parser.add_argument(
        "--changed", action="store_true", help="only streams with a change that is known; no estimates, no refreshes"
    )
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    options = parser.parse_args()
    names = options.streams.split(",") if options.streams else STREAMS[: 2 if options.quick else None]
    peers = (("nannyml", "cbpe") if options.quick else PEERS) if options.peers is None else options.peers.split(",")
    versions = [one for name in names for one in (*([] if options.changed else [from_real(name)]), *changed(name))]
    rules = [
        Rule(who, one.stream, one.version, fires, loss(one))
        for one in versions
        for who, fires in zip(OURS, watched(one), strict=True)
    ]
    unavailable: dict[str, str] = {}
    rules += by_peers(versions, [peer for peer in peers if peer], unavailable)
    rows = []
    print(f"{'':16}{'version':16}{'windows':>9}{'bad':>6}{'firing':>8}{'precision':>11}{'recall':>8}")
    for who in dict.fromkeys(rule.who for rule in rules):
        for version in (*dict.fromkeys(one.version for one in versions), "all"):
            row = judged([rule for rule in rules if rule.who == who and version in (rule.version, "all")])
            rows.append({"who": who, "version": version, **row})
            shares = "".join(f"{'–' if row[key] is None else f'{row[key]:.0%}':>{width}}" for key, width in _SHARES)
            print(f"{who:16}{version:16}{row['windows']:9}{row['bad']:6}{row['firing']:8}{shares}")
    for who, reason in unavailable.items():
        print(f"{who:16}{reason}")
    cases = [] if options.changed else estimates.cases(versions)
    estimated, why = estimates.compare(cases, peer="cbpe" in peers)
    print(f"\n{'estimates without labels':28}{'version':18}{'windows':>8}{'error':>9}{'bias':>9}{'  ± 2 errors':>13}")
    for row in estimated:
        within = f"{row['within_two_errors']:.0%}" if "within_two_errors" in row else ""
        named = f"{row['stream']}: {row['who']}"
        print(f"{named:28}{row['version']:18}{row['windows']:8}{row['error']:9.4f}{row['bias']:9.4f}{within:>13}")
    if why:
        print(f"NannyML: {why}")
    refreshed = [] if options.changed else refreshing.policies(labels=not options.quick)
    print(f"\n{'refreshes of the flights':34}{'trained again':>14}{'mean AUC':>10}")
    for policy in refreshed:
        print(f"{policy['policy']:34}{policy['refreshes']:14}{policy['auc']:10.4f}")
    if options.json:
        options.json.write_text(
            json.dumps(
                {"rows": rows, "estimates": estimated, "refreshes": refreshed, "unavailable": unavailable}, indent=1
            )
        )


_SHARES = (("precision", 11), ("recall", 8))

if __name__ == "__main__":
    main()
