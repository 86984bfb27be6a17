"""A real server for a while, on a free port: for rehearsals, SLA checks and tests."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shipworthy.contract.records import Contract
from shipworthy.serving.supervisor import Serving, Supervisor

WORKER = (sys.executable, "-m", "shipworthy.serving.worker")


@contextmanager
def rehearse_server(
    folder: Path, contract: Contract, work: Path, *, command: Sequence[str] = WORKER, workers: int = 1
) -> Iterator[str]:
    """Serves a bundle, a stand-in's or an unsigned run's, as release 0; gives the URL.

    Logs and metrics go into a folder of their own under `work`, which goes with the server: nothing of it is recorded.
    """
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="serving-", dir=work) as scratch:
        place = Path(scratch)
        promised = place / "contract.json"
        promised.write_bytes(msgspec.json.encode(contract))
        serving = Serving(
            command=tuple(command),
            logs=place / "logs",
            work=place,
            trusted=place / "nobody",
            host=contract.serving.host,
            port=0,
            workers=workers,
            rehearsal=promised,
        )
        supervisor = Supervisor(serving, folder)
        url = supervisor.start()
        try:
            yield url
        finally:
            supervisor.stop()
