"""Our server against a hand-written FastAPI + ONNX Runtime server: one worker each, the same model, in one run.

    python benchmarks/serving.py [--quick] [--json FILE]

Ours validates each row against the contract and logs each prediction before it answers, and a follower reads the log
meanwhile; theirs does what a careful hand writes: a typed body, one ONNX session with one thread, no log.
One row a request, closed loop over 32 connections, the client a process of its own.
"""

from __future__ import annotations

import argparse
import json
import pickle
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 32
HERE = Path(__file__).resolve()


def main() -> None:
    """Run both, print a table."""
    options = _options()
    if options.client:
        print(json.dumps(client(*json.loads(options.client))))
        return
    if options.peer:
        peer(options.peer, options.port)
        return
    seconds, rounds = (2.0, 1) if options.quick else (6.0, 3)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(Path(scratch))
        rows = [measured for turn in range(rounds) for measured in one_round(prepared, seconds, turn)]
    best = {stack: max((row for row in rows if row["stack"] == stack), key=_rate) for stack in ("shipworthy", "fastapi")}
    ratios = {"fastapi_onnx": best["shipworthy"]["requests_per_second"] / best["fastapi"]["requests_per_second"]}
    _print(list(best.values()), ratios)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=1))


def one_round(prepared: dict[str, Any], seconds: float, turn: int) -> Iterator[dict[str, Any]]:
    """Both servers, one after the other."""
    for stack, serving, body, path in (
        ("shipworthy", ours(prepared), prepared["named"], "/predict"),
        ("fastapi", theirs(prepared), prepared["listed"], "/predict"),
    ):
        with serving as url:
            for connections in (CONNECTIONS, 1):
                run_client(url, path, body, connections, 0.5)
                measured = run_client(url, path, body, connections, seconds)
                yield {"stack": stack if connections > 1 else f"{stack} c=1", "round": turn, **measured}


def prepare(scratch: Path) -> dict[str, Any]:
    """A gradient boosting on 30 floats, as a bundle for us and as a plain ONNX file for the peer."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import HistGradientBoostingClassifier

    from shipworthy.contract.records import Contract, Feature, Model, Purpose
    from shipworthy.models.converting import Facts
    from shipworthy.models.packaging import package

    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    features = tuple(
        Feature(name=name, type="float", min=0.0, max=float(column.max()) * 2)
        for name, column in zip(names, data.data.T, strict=True)
    )
    frame = pd.DataFrame(data.data, columns=names)
    model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(frame, data.target)
    bundle = scratch / "bundle"
    bundle.mkdir()
    (bundle / "model.pkl").write_bytes(pickle.dumps(model))
    pq.write_table(pa.table(dict(zip(names, data.data.T, strict=True))), bundle / "probes.parquet")
    np.save(bundle / "probe_answers.npy", model.predict_proba(frame))
    facts = Facts("tumour", "classification", features, (0, 1), "benign", "sklearn", "pandas")
    description = package(bundle, facts, tolerance=1e-5, python=Path(sys.executable))
    options = {id(model): {"zipmap": False}}
    plain = to_onnx(model, initial_types=[("X", FloatTensorType([None, 30]))], options=options, target_opset=17)
    (scratch / "plain.onnx").write_bytes(plain.SerializeToString())
    row = [float(f"{value:.6g}") for value in data.data[7]]
    return {
        "scratch": scratch,
        "bundle": bundle,
        "contract": Contract(
            model=Model(name="tumour", task="classification", train="none:none"),
            purpose=Purpose(decision="a benchmark", owner="nobody"),
            features=features,
        ),
        "runtime": description.online,
        "named": json.dumps({"rows": [dict(zip(names, row, strict=True))]}, separators=(",", ":")),
        "listed": json.dumps({"features": row}, separators=(",", ":")),
    }


@contextmanager
def ours(prepared: dict[str, Any]) -> Iterator[str]:
    """One worker under its supervisor, and a follower of its log."""
    from shipworthy.serving.launch import rehearse_server

    with rehearse_server(prepared["bundle"], prepared["contract"], prepared["scratch"] / "work") as url:
        yield url


@contextmanager
def theirs(prepared: dict[str, Any]) -> Iterator[str]:
    """FastAPI under uvicorn with uvloop and httptools, one process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    plain = str(prepared["scratch"] / "plain.onnx")
    process = subprocess.Popen([sys.executable, str(HERE), "--peer", plain, "--port", str(port)])
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def peer(plain: str, port: int) -> None:
    """The peer's server."""
    from typing import Annotated

    import numpy as np
    import onnxruntime
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel, Field

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(plain, options)

    class Request(BaseModel):
        features: Annotated[list[float], Field(min_length=30, max_length=30)]

    class Answer(BaseModel):
        prediction: int
        probabilities: list[float]

    app = FastAPI()

    async def predict(request):
        said = session.run(["probabilities"], {"X": np.array([request.features], np.float32)})[0][0].tolist()
        return Answer(prediction=said.index(max(said)), probabilities=said)

    predict.__annotations__ = {"request": Request, "return": Answer}  # local classes, so not by name
    app.post("/predict")(predict)
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning")


def run_client(url: str, path: str, body: str, connections: int, seconds: float) -> dict[str, Any]:
    """Load from a process of its own."""
    address = urlsplit(url)
    arguments = json.dumps([address.hostname, address.port, path, body, connections, seconds])
    done = subprocess.run([sys.executable, str(HERE), "--client", arguments], capture_output=True, check=True)
    return json.loads(done.stdout)


def client(host: str, port: int, path: str, body: str, connections: int, seconds: float) -> dict[str, Any]:
    """Closed loop over plain sockets: each connection sends again as soon as its answer is whole."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    message = (head + body).encode()
    sockets = {}
    poll = select.epoll()
    for _ in range(connections):
        one = socket.create_connection((host, port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[one.fileno()] = one
        poll.register(one.fileno(), select.EPOLLIN)
    latencies: list[float] = []
    wrong = 0
    clock = time.perf_counter
    sent = {}
    began = clock()
    for number, one in sockets.items():
        sent[number] = clock()
        one.sendall(message)
    end = began + seconds
    now = began
    while now < end:
        for number, _ in poll.poll(1.0):
            one = sockets[number]
            answer = one.recv(65536)
            while not _whole(answer):
                answer += one.recv(65536)
            now = clock()
            latencies.append(now - sent[number])
            if not answer.startswith(b"HTTP/1.1 200"):
                wrong += 1
            sent[number] = now
            one.send(message)
    latencies.sort()
    return {
        "connections": connections,
        "requests_per_second": (len(latencies) - wrong) / (now - began),
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1e3,
        "wrong": wrong,
    }


def _whole(answer: bytes) -> bool:
    if not answer:
        raise ConnectionError("the server closed the connection")
    end = answer.find(b"\r\n\r\n")
    at = answer.lower().find(b"content-length: ", 0, end)
    return end > 0 and len(answer) - end - 4 >= int(answer[at + 16 : answer.index(b"\r", at)])


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the peer did not start")


def _rate(row: dict[str, Any]) -> float:
    return row["requests_per_second"]


def _print(rows: list[dict[str, Any]], ratios: dict[str, float]) -> None:
    print(f"{'stack':16} {'connections':>11} {'req/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'wrong':>6}")
    for row in rows:
        print(
            f"{row['stack']:16} {row['connections']:11} {row['requests_per_second']:9,.0f} {row['p50_ms']:8.2f} "
            f"{row['p99_ms']:8.2f} {row['wrong']:6}"
        )
    for name, ratio in ratios.items():
        print(f"shipworthy / {name}: {ratio:.1f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds, one round")
    parser.add_argument("--json", type=Path, help="write rows and ratios to this file")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
