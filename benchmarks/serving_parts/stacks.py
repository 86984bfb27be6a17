"""Starting each server: ours under its supervisor with the recorder, the peers as their makers recommend, and nginx.

Each has one worker of one thread (OMP_NUM_THREADS=1), and yields where it listens and its process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request as Asking
from urllib.request import urlopen

from serving_parts.environments import Unavailable, python_of
from serving_parts.load import Request
from serving_parts.models import NAME, Prepared

from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.launch import WORKER
from shipworthy.serving.supervisor import Serving, Supervisor
from shipworthy.store.layout import Layout

PARTS = Path(__file__).resolve().parent
PATIENCE = 120  # seconds until a server answers
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
QUIET = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}

Running = AbstractContextManager[tuple[str, int]]  # address, process


@dataclass(frozen=True)
class Stack:
    """A server, and what it is sent."""

    start: Callable[[Prepared], Running]
    path: str
    body: Callable[[Prepared, int], str | None]  # a request of so many rows
    rows: tuple[int, ...] = (1, 16, 1000)
    mixed: bool = False  # whether it takes rows of all types

    def request(self, base: str, prepared: Prepared, rows: int) -> Request:
        """What is sent to it."""
        return Request(base + self.path, self.body(prepared, rows))


@contextmanager
def ours(prepared: Prepared) -> Iterator[tuple[str, int]]:
    """One worker under its supervisor, and the recorder."""
    scratch, release = prepared.scratch, prepared.scratch / "release"
    layout = Layout(scratch / "project")
    trusted = trusted_folder(scratch / "configuration")
    serving = Serving(WORKER, layout.logs(NAME), work=scratch / "work", trusted=trusted, port=0)
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
def process(
    command: Sequence[str], scratch: Path, port: int, ready: str, **variables: str
) -> Iterator[tuple[str, int]]:
    """A server's process until it is not wanted any more. Unavailable where it does not answer."""
    base = f"http://127.0.0.1:{port}"
    path = scratch / f"{Path(command[-1]).name}-{port}.out"
    environment = {**os.environ, **ONE_THREAD, **QUIET, "PYTHONPATH": str(PARTS), **variables}
    with path.open("wb") as output:
        running = subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True)
        try:
            _wait_for(base + ready, running, path)
            yield base, running.pid
        finally:
            _end(running)


def _wait_for(url: str, running: subprocess.Popen[bytes], output: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and running.poll() is None:
        try:
            urlopen(Asking(url), timeout=2).close()
        except HTTPError as error:
            if error.code < 500:
                return  # it answers, if not this
            time.sleep(0.2)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise Unavailable(f"it did not start: {output.read_text(errors='replace').strip()[-400:]}")


def _end(running: subprocess.Popen[bytes]) -> None:
    """End a server and whatever it started: LitServe's children outlive it. They have a session of their own."""
    running.terminate()
    with suppress(subprocess.TimeoutExpired):
        running.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def fastapi_onnx(prepared: Prepared) -> Running:
    """FastAPI under uvicorn with uvloop and httptools, one process."""
    port = _free()
    files = [str(prepared.graph), str(prepared.scratch / "release" / "contract.json"), str(port)]
    command = [sys.executable, str(PARTS / "fastapi_onnx.py"), *files]
    return process(command, prepared.scratch, port, "/openapi.json")


def mlserver(prepared: Prepared) -> Running:
    """MLServer with adaptive batching, the model in the server's own process."""
    python, port = python_of("mlserver"), _free()
    folder = prepared.scratch / "mlserver"
    folder.mkdir(exist_ok=True)
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": _free(), "metrics_port": _free()}
    (folder / "settings.json").write_text(json.dumps({**settings, "parallel_workers": 0, "debug": False}))
    model = {"name": NAME, "implementation": "mlserver_onnx.OnnxModel", "max_batch_size": 64, "max_batch_time": 0.001}
    (folder / "model-settings.json").write_text(json.dumps(model))
    command = [str(python.parent / "mlserver"), "start", str(folder)]
    return process(command, prepared.scratch, port, f"/v2/models/{NAME}/ready", MODEL=str(prepared.graph))


def bentoml(prepared: Prepared) -> Running:
    """BentoML with one worker and adaptive batching."""
    python, port = python_of("bentoml"), _free()
    command = [str(python.parent / "bentoml"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    variables = {"MODEL": str(prepared.graph), "BENTOML_HOME": str(prepared.scratch / "bentoml")}
    path = f"{python.parent}:{os.environ['PATH']}"
    command += ["--working-dir", str(PARTS), "bentoml_onnx:Service"]
    return process(command, prepared.scratch, port, "/readyz", PATH=path, **variables)


def litserve(prepared: Prepared) -> Running:
    """LitServe with one worker and batching."""
    python, port = python_of("litserve"), _free()
    command = [str(python), str(PARTS / "litserve_onnx.py"), str(port)]
    return process(command, prepared.scratch, port, "/health", MODEL=str(prepared.graph))


def mlflow(prepared: Prepared) -> Running:
    """`mlflow models serve` of a model of the ONNX flavour, one worker."""
    python, port = python_of("mlflow"), _free()
    folder = prepared.scratch / "mlflow"
    path = f"{python.parent}:{os.environ['PATH']}"
    if not folder.exists():
        made = subprocess.run(
            [str(python), str(PARTS / "mlflow_onnx.py"), str(prepared.graph), str(folder)],
            stderr=subprocess.PIPE, text=True, check=False, cwd=prepared.scratch, env={**os.environ, **QUIET},
        )  # fmt: skip
        if made.returncode:
            raise Unavailable(f"its model cannot be written: {made.stderr.strip()[-300:]}")
    command = [str(python.parent / "mlflow"), "models", "serve", "-m", str(folder), "--env-manager", "local"]
    command += ["--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    return process(command, prepared.scratch, port, "/ping", PATH=path)


def nginx(prepared: Prepared) -> Running:
    """Static answers of 200 bytes by nginx, one worker."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise Unavailable("nginx is not installed: Debian has it as nginx-light")
    port, folder = _free(), prepared.scratch / "nginx"
    folder.mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(NGINX.format(port=port, folder=folder, text="x" * 200))
    command = [program, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    return process(command, prepared.scratch, port, "/static")


NGINX = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/p;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
server {{ listen 127.0.0.1:{port}; location = /static {{ default_type text/plain; return 200 "{text}"; }} }} }}
"""


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def _dumps(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))


def _tensor(prepared: Prepared, rows: int) -> str:
    data = [value for row in prepared.matrix(rows) for value in row]
    tensor = {"name": "X", "shape": [rows, len(data) // rows], "datatype": "FP32", "data": data}
    return _dumps({"inputs": [tensor]})


STACKS: dict[str, Stack] = {
    "shipworthy": Stack(ours, "/predict", Prepared.named, mixed=True),
    "fastapi_onnx": Stack(fastapi_onnx, "/predict", Prepared.named, mixed=True),
    "fastapi_onnx_list": Stack(
        fastapi_onnx, "/list", lambda prepared, _: _dumps({"features": prepared.matrix(1)[0]}), rows=(1,)
    ),
    "mlserver": Stack(mlserver, f"/v2/models/{NAME}/infer", _tensor),
    "bentoml": Stack(bentoml, "/predict", lambda prepared, rows: _dumps({"rows": prepared.matrix(rows)})),
    "litserve": Stack(litserve, "/predict", lambda prepared, rows: _dumps({"rows": prepared.matrix(rows)})),
    "mlflow": Stack(mlflow, "/invocations", lambda prepared, rows: _dumps({"inputs": prepared.matrix(rows)})),
    "nginx_static": Stack(nginx, "/static", lambda _prepared, _rows: None, rows=(1,)),
}
