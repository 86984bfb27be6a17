"""Our server against the others: one worker each, the same model, in one run.

    python benchmarks/serving.py [--quick] [--peers fastapi_onnx,nginx_static] [--json FILE]

Ours serves a signed release: it validates each row against the contract and logs each prediction before it answers, and
the recorder takes the log into Delta and windows meanwhile. The peers log nothing. `fastapi_onnx` is hand-written, with
the same body checked for names and ranges as ours is, `fastapi_onnx_list` the same with a bare list of numbers.
MLServer, BentoML, LitServe and MLflow run as their makers recommend, each in an environment of its own that is made at
the first time (a minute or two, by network) and kept under build/; nginx gives a static answer of 200 bytes. What
cannot be installed is shown as such.

One row a request over 1, 32 and 128 connections in closed loop; 16 rows over 32 and 1,000 over 4; rows of all types;
then open loop, Poisson, at half of the rate of 32 connections, latency from the intended sending. Medians of
interleaved rounds. The closed loop is driven by wrk where it is installed, the open one by paced.c where a compiler is,
and else either by a Python client: where the client had no more to give itself, the row says so. `cpu_us` is the
processor time that the server took a request: unlike the rate, it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_parts.environments import Unavailable
from serving_parts.load import WRK, closed_loop, open_loop
from serving_parts.models import Prepared, floats, mixed
from serving_parts.stacks import STACKS, Stack

OURS = "shipworthy"
USUAL = 32  # connections
LARGE = 4  # connections for 1,000 rows a request
OPEN = 64  # connections of the open loop: more than ever are busy
FIGURES = ("requests_per_second", "p50_ms", "p99_ms", "p999_ms", "late_p99_ms", "cpu_us", "busy")


def main() -> None:
    """Run all in turns, print a table of medians."""
    options = _options()
    seconds, rounds = (2.0, 1) if options.quick else (6.0, 3)
    rows: list[dict[str, Any]] = []
    unavailable: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        models = {"floats": floats(Path(scratch) / "floats"), "mixed": mixed(Path(scratch) / "mixed")}
        for _ in range(rounds):
            for name in (OURS, *options.peers):
                if name not in unavailable:
                    try:
                        rows += _one(name, STACKS[name], models, seconds)
                    except Unavailable as reason:
                        unavailable[name] = str(reason)
    medians = median(rows)
    ratios = compared(medians)
    _print(medians, ratios, unavailable)
    if options.json:
        content = {"rows": medians, "ratios": ratios, "unavailable": unavailable, "closed_loop_client": WRK or "python"}
        options.json.write_text(json.dumps(content, indent=1))


def _one(name: str, stack: Stack, models: dict[str, Prepared], seconds: float) -> Iterator[dict[str, Any]]:
    """A round of one server."""
    with stack.start(models["floats"]) as (base, pid):
        usual = 0.0
        for load, connections, rows in cases(stack):
            request = stack.request(base, models["floats"], rows)
            closed_loop(request, connections, 1.0, pid)  # warm-up
            measured = closed_loop(request, connections, seconds, pid)
            if load == "1 row" and connections == USUAL:
                usual = measured["requests_per_second"]
            yield {"stack": name, "load": load, "connections": connections, **measured}
        measured = open_loop(stack.request(base, models["floats"], 1), OPEN, seconds, usual / 2, pid)
        yield {"stack": name, "load": "open loop", "connections": OPEN, **measured}
    if stack.mixed:
        with stack.start(models["mixed"]) as (base, pid):
            for rows, connections in ((1, USUAL), (16, USUAL), (1000, LARGE)):
                request = stack.request(base, models["mixed"], rows)
                closed_loop(request, connections, 1.0, pid)
                measured = closed_loop(request, connections, seconds, pid)
                yield {"stack": name, "load": f"{rows} mixed", "connections": connections, **measured}


def cases(stack: Stack) -> list[tuple[str, int, int]]:
    """Name of a load, connections, rows a request."""
    few = [("1 row", connections, 1) for connections in (1, USUAL, 128)]
    return few + [(f"{rows} rows", USUAL if rows < 1000 else LARGE, rows) for rows in stack.rows if rows > 1]


def median(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for all rounds of the same server and load."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["stack"], row["load"], row["connections"]), []).append(row)
    return [
        {
            **group[0],
            **{figure: statistics.median(row[figure] for row in group) for figure in FIGURES},
            "wrong": sum(row["wrong"] for row in group),
            "client_saturated": any(row["client_saturated"] for row in group),
            "rounds": len(group),
        }
        for group in groups.values()
    ]


def compared(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Our rate over each peer's, one row over 32 connections; and how much more processor time a request takes them."""
    usual = {row["stack"]: row for row in rows if row["load"] == "1 row" and row["connections"] == USUAL}
    mine = usual.pop(OURS)
    key = "requests_per_second"
    ratios = {peer: mine[key] / row[key] for peer, row in usual.items() if row[key]}
    ratios |= {f"{peer}_cpu": row["cpu_us"] / mine["cpu_us"] for peer, row in usual.items()}
    others = {(row["stack"], row["load"]): row for row in rows if row["load"] not in ("1 row", "open loop")}
    for (stack, load), row in others.items():
        own = others.get((OURS, load))
        if stack != OURS and own and row[key]:
            ratios[f"{stack}_{load.replace(' ', '_')}"] = own[key] / row[key]
    return ratios


def _print(rows: Sequence[dict[str, Any]], ratios: dict[str, float], unavailable: dict[str, str]) -> None:
    print(f"closed loop by {'wrk' if WRK else 'a Python client; wrk (of Debian) takes less of a core'}")
    head = ("req/s", "p50 ms", "p99 ms", "p99.9 ms", "cpu µs", "client", "wrong")
    print(f"{'stack':18} {'load':10} {'conn.':>5} " + " ".join(f"{name:>9}" for name in head))
    for row in rows:
        limit = "  the client was the limit" if row["client_saturated"] else ""
        late = f"  client late {row['late_p99_ms']:.2f} ms" if row["late_p99_ms"] else ""
        print(
            f"{row['stack']:18} {row['load']:10} {row['connections']:5} {row['requests_per_second']:9,.0f} "
            f"{row['p50_ms']:9.2f} {row['p99_ms']:9.2f} {row['p999_ms']:9.2f} {row['cpu_us']:9.1f} "
            f"{row['busy']:9.0%} {row['wrong']:9}{limit}{late}"
        )
    for name, reason in unavailable.items():
        print(f"{name:18} could not be measured: {reason}")
    for name, ratio in ratios.items():
        print(f"shipworthy / {name}: {ratio:.2f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds each")
    parser.add_argument("--peers", type=_peers, default=_peers(""), help=f"some of {','.join(_peers(''))}")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    return parser.parse_args()


def _peers(text: str) -> list[str]:
    peers = [name for name in STACKS if name != OURS]
    chosen = [name for name in text.split(",") if name] or peers
    unknown = [name for name in chosen if name not in peers]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}: expected some of {', '.join(peers)}")
    return chosen


if __name__ == "__main__":
    main()
