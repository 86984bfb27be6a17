"""What the machine refuses is told in a sentence, with what to do; only a defect has a traceback."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from shipworthy.cli.machine import trouble
from shipworthy.errors import InUse
from shipworthy.serving.sockets import wait_until_free


def test_a_full_disk_says_where_and_to_come_again(tmp_path: Path):
    found = trouble(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "model")))
    assert found is not None
    assert (found.exit_code, f"no space is left on the disk of {tmp_path}/model; make room" in found.said) == (3, True)


def test_a_full_disk_is_seen_behind_the_error_that_it_became():
    try:
        try:
            Path("/dev/full").write_text("a" * 10)
        except OSError as error:
            raise RuntimeError("the bundle was not written") from error
    except RuntimeError as error:
        found = trouble(error)
    assert found is not None
    assert found.said.startswith("no space is left on the disk")


def test_a_place_that_may_not_be_written_is_named(tmp_path: Path):
    place = tmp_path / ".cache"
    found = trouble(PermissionError(errno.EACCES, "Permission denied", str(place)))
    assert found is not None
    assert found.exit_code == 2
    assert str(place) in found.said
    assert "SHIPWORTHY_CACHE" in found.said


def test_a_ledger_that_cannot_be_opened_is_told_without_sql(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path}/nowhere/ledger.db")
    with pytest.raises(OperationalError) as raised, engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    found = trouble(raised.value)
    assert found is not None
    assert (found.exit_code, "sqlalche.me" in found.said) == (3, False)
    assert "unable to open database file" in found.said


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(errno.EROFS, "Read-only file system", "/p/.shipworthy/up.lock"),
        OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("attempt to write a readonly database")),
    ],
)
def test_a_state_that_may_only_be_read_says_which_commands_go_on(error: Exception):
    found = trouble(error)
    assert found is not None
    assert found.exit_code == 2
    assert "commands that only look (status, lineage, verify, report, show, …) go on" in found.said


@pytest.mark.parametrize("error", [KeyError("x"), FileNotFoundError(errno.ENOENT, "no", "x"), PermissionError()])
def test_a_defect_stays_one(error: Exception):
    assert trouble(error) is None


def test_whoever_stops_a_command_is_told_what_is_left():
    code = (
        "import os, signal, sys; from shipworthy.cli import app as cli\n"
        "cli.app.command('wait')(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "sys.argv = ['shipworthy', 'wait']; cli.main()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 128 + signal.SIGINT
    assert said.stderr.splitlines()[-1] == "stopped; what was finished is kept, and the same command goes on from there"


def test_a_port_that_somebody_keeps_is_refused_with_what_else_to_do():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InUse, match=f"port {port} on 127.0.0.1: .*or name another"):
            wait_until_free("127.0.0.1", port, 0.0, "name another")
    wait_until_free("127.0.0.1", port, 5.0, "name another")
