"""A real MLflow server in an environment of its own (a pytest plugin)."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from ports import free_port

from shipworthy.environments import builder

HERE = Path(__file__).parent
PATIENCE = 120.0  # seconds: importing a tracking server takes a while on a busy machine


class Server:
    """A tracking server on loopback, which can be stopped and started again on the same port and database."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._program = python.with_name("mlflow")
        self._folder = folder
        self._port = free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        address = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        store = ["--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}"]
        kept = ["--artifacts-destination", str(self._folder / "artifacts")]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "server", *address, *store, *kept],
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.uri}/health", trust_env=False).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                assert self._process.poll() is None, (self._folder / "server.log").read_text()
            time.sleep(0.2)
        raise AssertionError((self._folder / "server.log").read_text())

    def stop(self) -> None:
        """Ends it and its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, 15)
            self._process.wait()
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stopped while the block runs."""
        self.stop()
        yield
        self.start()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Server]:
    """The hash-pinned server, which is no part of the project's own environment."""
    environment = builder.build(HERE / "mlflow-server.lock", cache=built)
    made = Server(builder.interpreter(environment), tmp_path_factory.mktemp("mlflow"))
    made.start()
    yield made
    made.stop()
