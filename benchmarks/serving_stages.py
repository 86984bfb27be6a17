"""Where a worker's own time goes: the stages of a tick, in one process and without the kernel's sockets.

    python benchmarks/serving_stages.py [--quick] [--json FILE]

A tick of 24 requests and one of a single request, one row of 30 numbers each, the model and contract of serving.py.
Each stage is timed alone, best of several tries, in microseconds of processor time a request; "tick" is all of them
together.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_parts.models import floats

from shipworthy.predictions.log import LogWriter
from shipworthy.registry.trust import trusted_folder
from shipworthy.serving.answering import Answering
from shipworthy.serving.connection import Connection
from shipworthy.serving.loading import load_release
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.routes import Routes
from shipworthy.serving.server import Server
from shipworthy.serving.settings import Limits
from shipworthy.serving.worker import COLLECTIONS


class Nowhere:
    """A transport and a loop that do nothing: what is left is ours."""

    def write(self, content: bytes) -> None: ...
    def set_write_buffer_limits(self, high: int) -> None: ...
    def is_closing(self) -> bool:
        return False

    def call_soon(self, act: Callable[[], None]) -> None: ...


def main() -> None:
    """Time the stages for both sizes of a tick."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)  # as a worker does
    with tempfile.TemporaryDirectory() as scratch:
        body = floats(Path(scratch) / "floats").named(1).encode()
        rows = [stages(Path(scratch) / "floats", body, requests, 2 if options.quick else 7) for requests in (24, 1)]
    for name in rows[0]:
        print(f"{name:10} " + " ".join(f"{row[name]:8.2f}" for row in rows))
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratios": {}}, indent=1))


def stages(scratch: Path, body: bytes, requests: int, tries: int) -> dict[str, float]:
    """Microseconds a request, by stage."""
    live = load_release(scratch / "release", trusted_folder(scratch / "configuration"))
    log = LogWriter(scratch / "logs", f"w{requests}-1")
    log.open(live.model, live.number, live.description.features, live.description.classes)
    names = [feature.name for feature in live.description.features]
    metrics = Metrics(scratch / "metrics", "w0", live.model, names, live.number)
    answering = Answering(live, log, metrics, Routes(live, scratch / "metrics", lambda: ""))
    nowhere: Any = Nowhere()
    server = Server(answering, Limits(), nowhere)
    connections = [Connection(server) for _ in range(requests)]
    for connection in connections:
        connection.connection_made(nowhere)
    head = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    message = head % len(body) + body

    def receive() -> None:
        for connection in connections:
            connection.data_received(message)

    def tick() -> None:
        receive()
        server.tick()

    rows, _ = live.native.read_singles([body] * requests)
    columns = live.format.columns(rows)
    values = live.runtime.predict(columns).values
    unnamed = [None] * requests
    timed = {
        "parse": receive,
        "decode": lambda: live.native.read_singles([body] * requests),
        "columns": lambda: live.format.columns(rows),
        "model": lambda: live.runtime.predict(columns),
        "log": lambda: log.append(1, requests, columns, values),
        "encode": lambda: live.native.write_singles(b"1-w0-dn2i0um1ndbp-0-385-", values, unnamed),
        "tick": tick,
    }
    found = {name: best(act, tries) / requests for name, act in timed.items()}
    found["rest"] = found["tick"] - sum(value for name, value in found.items() if name != "tick")
    return {"requests": requests, **found}


def best(act: Callable[[], Any], tries: int) -> float:
    """Microseconds of the processor for one call, the best of some averages; neighbours take the rest of the time."""
    averages = []
    for _ in range(10 * tries):
        began = time.thread_time()
        for _ in range(50):
            act()
        averages.append((time.thread_time() - began) / 50 * 1e6)
    return min(averages)


if __name__ == "__main__":
    main()
