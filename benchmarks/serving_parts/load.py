"""Driving a server from a process of its own: wrk and paced.c, or client.py where there is no wrk, no C compiler."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CLIENT = Path(__file__).resolve().parent / "client.py"
PACED = CLIENT.with_name("paced.c")  # a tenth of a core where client.py takes most of one
WRK = shutil.which("wrk")  # Debian has it; a Python client takes more of a core than the fastest servers do
SATURATED = 0.9  # of a core: from there on the client may have been the limit
TICK = 1e6 / os.sysconf("SC_CLK_TCK")  # µs
SCRIPT = """
wrk.method = "{method}"
wrk.headers["Content-Type"] = "application/json"
wrk.body = {body}
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\\n{{"requests": %d, "us": %d, "p50": %d, "p99": %d, "p999": %d, "wrong": %d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True)
class Request:
    """What is sent, again and again."""

    url: str
    body: str | None  # JSON; None: a GET

    @property
    def message(self) -> str:
        """As HTTP."""
        parts = urlsplit(self.url)
        if self.body is None:
            return f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
        return (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.body.encode())}\r\n\r\n{self.body}"
        )


def closed_loop(request: Request, connections: int, seconds: float, pid: int) -> dict[str, Any]:
    """As many requests as so many callers get answered who each wait for their answer."""
    drive = _wrk if WRK else _python
    return _beside(pid, lambda: drive(request, connections, seconds, None))


def open_loop(request: Request, connections: int, seconds: float, rate: float, pid: int) -> dict[str, Any]:
    """Poisson arrivals; latency from the intended instant of sending."""
    drive = _paced if paced() else _python
    return _beside(pid, lambda: drive(request, connections, seconds, rate))


@cache
def paced() -> Path | None:
    """The compiled generator of open loops; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = Path(__file__).resolve().parents[2] / "build" / "paced"
    program.parent.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-o", str(program), str(PACED), "-lm"], check=True)
    return program


def _beside(pid: int, drive: Any) -> dict[str, Any]:
    """What was measured, and the server's processor time a request: it hardly depends on what else the machine does."""
    before = processor(pid)
    measured: dict[str, Any] = drive()
    measured["cpu_us"] = (processor(pid) - before) * TICK / max(1, measured["requests"])
    measured["client_saturated"] = measured["busy"] > SATURATED
    return measured


def _python(request: Request, connections: int, seconds: float, rate: float | None) -> dict[str, Any]:
    parts = urlsplit(request.url)
    plan = {
        "host": parts.hostname,
        "port": parts.port,
        "message": request.message,
        "connections": connections,
        "seconds": seconds,
        "rate": rate,
    }
    done = subprocess.run(
        [sys.executable, str(CLIENT)], input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _paced(request: Request, connections: int, seconds: float, rate: float) -> dict[str, Any]:
    parts = urlsplit(request.url)
    plan = [str(one) for one in (parts.hostname, parts.port, connections, seconds, rate)]
    command = [str(paced()), *plan]
    done = subprocess.run(command, input=request.message, stdout=subprocess.PIPE, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _wrk(request: Request, connections: int, seconds: float, _rate: None) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        body = "nil" if request.body is None else f"[==[{request.body}]==]"
        script.write(SCRIPT.format(method="GET" if request.body is None else "POST", body=body))
        script.flush()
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        command = [WRK, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        done = subprocess.run([*command, "-s", script.name, request.url], stdout=subprocess.PIPE, text=True, check=True)
        after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - wall
    said = json.loads(done.stdout.strip().splitlines()[-1])
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "client": "wrk",
        "requests": said["requests"],
        "requests_per_second": (said["requests"] - said["wrong"]) * 1e6 / said["us"],
        **{f"{name}_ms": said[name] / 1000 for name in ("p50", "p99", "p999")},
        "late_p99_ms": 0.0,
        "wrong": said["wrong"],
        "busy": spent / took,
    }


def processor(pid: int) -> int:
    """Clock ticks of processor time that a process and all below it have had."""
    spent, below = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        number = int(path.parent.name)
        spent[number] = int(fields[11]) + int(fields[12])
        below.setdefault(int(fields[1]), []).append(number)
    total, left = 0, [pid]
    while left:
        one = left.pop()
        total += spent.get(one, 0)
        left += below.get(one, [])
    return total
