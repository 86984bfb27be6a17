"""A PostgreSQL server of a test's own: on loopback, in a folder of its own, with a password."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ports import free_port

PASSWORD = "s3cret word@/"


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The port of a server whose user `postgres` has PASSWORD."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"))
    folder = Path(tempfile.mkdtemp(prefix="shipworthy-postgresql-"))
    (folder / "password").write_text(PASSWORD)
    # It refuses to run as root, who is given leave to be somebody else.
    become = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if become:
        shutil.chown(folder, "postgres")
        shutil.chown(folder / "password", "postgres")
    cluster = folder / "cluster"
    try:
        _run([*become, programs / "initdb", "--pgdata", cluster, "--username=postgres", "--auth=scram-sha-256",
              f"--pwfile={folder / 'password'}", "--encoding=UTF8", "--locale=C", "--no-sync"])  # fmt: skip
        port = free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        started = subprocess.Popen(
            [*become, programs / "postgres", "-D", cluster, *(f"--{key}={value}" for key, value in settings.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            _wait(programs, port)
            yield port
        finally:
            _run([*become, programs / "pg_ctl", "stop", "--pgdata", cluster, "--mode=immediate"])
            started.wait()
    finally:
        shutil.rmtree(folder)


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/")


def _wait(programs: Path, port: int) -> None:
    end = time.monotonic() + 30
    while subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode:
        assert time.monotonic() < end, "PostgreSQL does not start"
        time.sleep(0.1)
