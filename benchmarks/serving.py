"""Our server against a hand-written FastAPI + ONNX Runtime server: one worker each, the same model, in one run.

    python benchmarks/serving.py [--quick] [--json FILE]

Ours serves a signed release: it validates each row against the contract and logs each prediction before it answers, and
the recorder takes the log into Delta and windows meanwhile. Theirs (serving_parts/fastapi_onnx.py) logs nothing, and is
asked twice: `fastapi_onnx` with the same body, checked for names and ranges as ours is, and `fastapi_onnx_list` with a
bare list of numbers.
One row of 30 numbers a request, closed loop, the client a process of its own. `cpu_us` is the processor time that the
server took a request: unlike the rate, it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = (32, 1)
STACKS = ("shipworthy", "fastapi_onnx", "fastapi_onnx_list")
PARTS = Path(__file__).resolve().parent / "serving_parts"
TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # µs


@dataclass(frozen=True)
class Prepared:
    """What both servers need."""

    scratch: Path
    named: str  # our request's body
    listed: str  # theirs
    runtime: str


def main() -> None:
    """Run both in turns, print a table of the best round each."""
    options = _options()
    seconds, rounds = (2.0, 1) if options.quick else (6.0, 3)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(Path(scratch))
        rows = [row for turn in range(rounds) for row in one_round(prepared, seconds, turn)]
    best = [
        max((row for row in rows if row["stack"] == stack and row["connections"] == connections), key=_rate)
        for connections in CONNECTIONS
        for stack in STACKS
    ]
    ratios = {peer: _rate(best[0]) / _rate(best[place]) for place, peer in enumerate(STACKS) if place}
    ratios |= {f"{peer}_cpu": best[place]["cpu_us"] / best[0]["cpu_us"] for place, peer in enumerate(STACKS) if place}
    _print(best, ratios)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=1))


def one_round(prepared: Prepared, seconds: float, turn: int) -> Iterator[dict[str, Any]]:
    """Each server in turn."""
    with ours(prepared) as (url, pid):
        yield from _loads("shipworthy", f"{url}/predict", prepared.named, pid, seconds, turn)
    with theirs(prepared) as (url, pid):
        yield from _loads("fastapi_onnx", f"{url}/predict", prepared.named, pid, seconds, turn)
        yield from _loads("fastapi_onnx_list", f"{url}/list", prepared.listed, pid, seconds, turn)


def _loads(stack: str, url: str, body: str, pid: int, seconds: float, turn: int) -> Iterator[dict[str, Any]]:
    for connections in CONNECTIONS:
        measure(url, body, connections, 0.5)
        before = _processor(pid)
        measured = measure(url, body, connections, seconds)
        spent = (_processor(pid) - before) * TICK / measured["requests"]
        yield {"stack": stack, "round": turn, **measured, "cpu_us": spent}


def prepare(scratch: Path) -> Prepared:
    """A gradient boosting on 30 numbers, as a signed release for us and as a plain ONNX file for the peer."""
    import pandas as pd
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import HistGradientBoostingClassifier

    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    frame = pd.DataFrame(data.data, columns=names)
    model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(frame, data.target)
    runtime = _release(scratch, model, frame)
    _plain_onnx(scratch / "plain.onnx", model)
    row = [float(f"{value:.6g}") for value in data.data[7]]
    return Prepared(
        scratch,
        named=json.dumps({"rows": [dict(zip(names, row, strict=True))]}, separators=(",", ":")),
        listed=json.dumps({"features": row}, separators=(",", ":")),
        runtime=runtime,
    )


def _release(scratch: Path, model: Any, frame: Any) -> str:
    """The release's folder, the project around it and what the recorder compares with."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from shipworthy import digest
    from shipworthy.contract.records import Contract, Feature, Model, Purpose
    from shipworthy.counts import reference
    from shipworthy.models.converting import Facts
    from shipworthy.models.packaging import package
    from shipworthy.registry.manifest import Identity, manifest_statement
    from shipworthy.registry.signing import signing_key
    from shipworthy.store.layout import Layout
    from shipworthy.store.objects import File
    from shipworthy.store.preparation import prepare as prepare_project

    features = tuple(
        Feature(name=name, type="float", min=0.0, max=float(frame[name].max()) * 2) for name in frame.columns
    )
    contract = Contract(
        model=Model(name="tumour", task="classification", train="none:none"),
        purpose=Purpose(decision="a benchmark", owner="nobody"),
        features=features,
    )
    folder = scratch / "release"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "probes.parquet")
    answers = model.predict_proba(frame)
    np.save(folder / "probe_answers.npy", answers)
    facts = Facts("tumour", "classification", features, (0, 1), "benign", "sklearn", "pandas")
    description = package(folder, facts, tolerance=1e-5, python=Path(sys.executable))
    columns = [frame[name].to_numpy() for name in frame.columns]
    compared = reference.build(features, columns, None, answers, None, window=contract.monitoring.window)
    (folder / "reference.json").write_bytes(reference.encode(compared))
    (folder / "contract.json").write_bytes(digest.canonical_json(contract))
    files = [
        File(path.relative_to(folder).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    manifest = manifest_statement(Identity(1, "tumour", 1, "run-1", contract.digest, True, (), 0), files)
    (folder / "manifest.json").write_bytes(manifest.encode())
    (folder / "manifest.dsse.json").write_bytes(signing_key(scratch / "configuration").sign(manifest))
    prepare_project(Layout(scratch / "project"))
    return description.online


def _plain_onnx(path: Path, model: Any) -> None:
    """As a peer would convert it: one tensor of 32-bit floats."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    inputs = [("X", FloatTensorType([None, 30]))]
    converted = to_onnx(model, initial_types=inputs, options={id(model): {"zipmap": False}}, target_opset=17)
    path.write_bytes(converted.SerializeToString())


@contextmanager
def ours(prepared: Prepared) -> Iterator[tuple[str, int]]:
    """One worker under its supervisor, and the recorder."""
    from shipworthy.registry.trust import trusted_folder
    from shipworthy.serving.launch import WORKER
    from shipworthy.serving.supervisor import Serving, Supervisor
    from shipworthy.store.layout import Layout

    scratch, release = prepared.scratch, prepared.scratch / "release"
    layout = Layout(scratch / "project")
    trusted = trusted_folder(scratch / "configuration")
    serving = Serving(WORKER, layout.logs("tumour"), work=scratch / "work", trusted=trusted, port=0)
    supervisor = Supervisor(serving, release)
    arguments = [str(layout.project), str(release / "contract.json"), str(release / "reference.json")]
    recorder = subprocess.Popen([sys.executable, str(PARTS / "recorder.py"), *arguments], stdin=subprocess.PIPE)
    try:
        url = supervisor.start()
        yield url, supervisor.status().workers[0].pid or 0
    finally:
        supervisor.stop()
        recorder.communicate()
    if recorder.returncode:
        raise SystemExit("the recorder failed")


@contextmanager
def theirs(prepared: Prepared) -> Iterator[tuple[str, int]]:
    """FastAPI under uvicorn with uvloop and httptools, one process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = [prepared.scratch / "plain.onnx", prepared.scratch / "release" / "contract.json"]
    command = [sys.executable, str(PARTS / "fastapi_onnx.py"), *map(str, files), str(port)]
    process = subprocess.Popen(command)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def measure(url: str, body: str, connections: int, seconds: float) -> dict[str, Any]:
    """Load from a process of its own."""
    address = urlsplit(url)
    arguments = json.dumps([address.hostname, address.port, address.path, body, connections, seconds])
    done = subprocess.run([sys.executable, str(PARTS / "client.py"), arguments], stdout=subprocess.PIPE, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _processor(pid: int) -> int:
    """Clock ticks of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the peer did not start")


def _rate(row: dict[str, Any]) -> float:
    return float(row["requests_per_second"])


def _print(rows: list[dict[str, Any]], ratios: dict[str, float]) -> None:
    print(f"{'stack':18} {'connections':>11} {'req/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'cpu µs':>8} {'wrong':>6}")
    for row in rows:
        print(
            f"{row['stack']:18} {row['connections']:11} {_rate(row):9,.0f} {row['p50_ms']:8.2f} {row['p99_ms']:8.2f} "
            f"{row['cpu_us']:8.1f} {row['wrong']:6}"
        )
    for name, ratio in ratios.items():
        print(f"shipworthy / {name}: {ratio:.1f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of two seconds each")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
