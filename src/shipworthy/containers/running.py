"""An image run as a server for a while: read-only, without privileges, on this machine's loopback."""

from __future__ import annotations

import contextlib
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from shipworthy.containers.tools import Tool, explained
from shipworthy.errors import Refused, Undecided

PATIENCE = 60.0  # seconds until it answers
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


@dataclass(frozen=True, slots=True)
class Served:
    """A running container."""

    url: str
    pid: int  # of its first process, as this machine sees it


@contextlib.contextmanager
def served(tool: Tool, image: str, *, workers: int) -> Iterator[Served]:
    """Run it until the block ends. Undecided where the tool cannot run it, Refused where it does not come to answer."""
    name, port = f"shipworthy-{uuid.uuid4().hex[:12]}", _free_port()
    where = ("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers))
    started = tool.run("run", "--detach", "--name", name, "--network", "host", *HARDENED, image, *where)
    try:
        if started.returncode:
            raise Undecided(f"{tool.name} could not run {image}: {explained(started.stderr)}")
        url = f"http://127.0.0.1:{port}"
        _wait(tool, name, url)
        yield Served(url, int(tool.told("inspect", "--format", "{{.State.Pid}}", name, what="find the container")))
    finally:
        tool.run("rm", "--force", "--volumes", name)


def _wait(tool: Tool, name: str, url: str) -> None:
    until = time.monotonic() + PATIENCE
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if client.get(f"{url}/v2/health/ready").status_code == httpx.codes.OK:
                    return
            if tool.run("inspect", "--format", "{{.State.Running}}", name).stdout.strip() != "true":
                break
            time.sleep(0.1)
    said = tool.run("logs", name)
    lines = (said.stdout + said.stderr).strip().splitlines()[-8:]
    raise Refused("the container did not come to answer; it said:\n" + "\n".join(f"  {line}" for line in lines))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
