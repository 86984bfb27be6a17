"""What stands around a model and fails is said: roles, the disk, labels; and the ledger's absence stops no answer."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import postgresql
import pytest
from dashboard import samples
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL
from wiring.test_up import recorded
from wiring.user import User, eventually

from shipworthy import clock
from shipworthy.alerts.delivery import Delivery
from shipworthy.alerts.journal import Journal
from shipworthy.dashboard.view import DiskView, RoleView
from shipworthy.monitoring.label_standing import LabelStanding
from shipworthy.store.beats import LASTS, Beat
from shipworthy.wiring import conditions
from shipworthy.wiring.role_standing import Ended, role_views

NOW = clock.from_iso("2026-11-23T12:00:00")
ROOM = DiskView(50, 100, nearly_full=False, words="50 left")
FULL = DiskView(1, 100, nearly_full=True, words="1 left")
FAILING = RoleView("refresh", "failing", None, "refresh ends again and again", 0.0)
NO_LABELS = LabelStanding(0, 0, (), None)


def states(beats: dict[str, Beat], ends: dict[str, Ended], *, running: bool = True) -> dict[str, str]:
    return {one.role: one.state for one in role_views(beats, ends, running=running, now=NOW)}


def test_a_role_works_is_silent_failing_ended_or_was_never_there():
    at = NOW - LASTS - 1
    beats = {"record": Beat("record", NOW - 5, "runs", "h"), "watch": Beat("watch", at, "runs", "h")}
    assert states(beats, {}) == {"record": "works", "watch": "silent", "refresh": "never"}
    beats["refresh"] = Beat("refresh", at, "ended", "h")
    assert states(beats, {})["refresh"] == "ended"
    ends = {"record": Ended(NOW - clock.MINUTE, 2, "monitoring.webhook is 'env:PAGER'", 7)}
    assert states(beats, ends)["record"] == "failing"
    assert states(beats, ends, running=False)["record"] == "works"
    assert states(beats, {"record": Ended(NOW - clock.HOUR, 2, "long ago", 7)})["record"] == "works"


def test_a_failing_role_says_why_in_its_own_last_words():
    ends = {"watch": Ended(NOW, 2, "monitoring.webhook is 'env:PAGER'", 7)}
    [words] = [one.words for one in role_views({}, ends, running=True, now=NOW) if one.role == "watch"]
    assert "7 times since `up` began, newest with 2: monitoring.webhook is 'env:PAGER'" in words


@given(st.integers(0, 40))
def test_labels_that_stop_while_answers_go_on_are_missed_after_a_fortnight_of_windows(windows):
    window = samples.CONTRACT.monitoring.window
    known = LabelStanding(10, 0, (), NOW)
    held = conditions.conditions((), ROOM, known, samples.CONTRACT, NOW + windows * window)
    assert set(held) == ({conditions.LABELS} if windows > conditions.QUIET else set())


def test_where_no_label_ever_came_or_nothing_answers_none_is_missed():
    assert conditions.conditions((), ROOM, NO_LABELS, samples.CONTRACT, NOW) == {}
    assert conditions.conditions((), ROOM, LabelStanding(1, 0, (), NOW), samples.CONTRACT, None) == {}


def test_a_disk_counts_as_nearly_full_by_share_and_by_bytes(tmp_path, monkeypatch):
    for free, size, nearly in ((4e9, 100e9, True), (40e9, 1000e9, False), (4e9, 50e9, False)):
        usage = SimpleNamespace(free=int(free), total=int(size))
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        assert conditions.disk_of(tmp_path).nearly_full is nearly


def test_a_condition_is_one_alert_from_its_beginning_to_its_end_and_another_the_next_time(user: User, tmp_path: Path):
    journal = Journal(tmp_path / "alerts.jsonl")
    phases: list[list[tuple[str, str]]] = []
    with user.ledger() as ledger, Delivery(ledger, "patients", journal) as delivery:
        for roles, disk in (((), ROOM), ((FAILING,), FULL), ((FAILING,), FULL), ((), FULL), ((FAILING,), ROOM)):
            conditions.note(ledger, "patients", conditions.conditions(roles, disk, NO_LABELS, samples.CONTRACT, None))
            delivery.step(
                conditions.alerts_of(ledger, "patients"), lambda alert: conditions.over(ledger, "patients", alert)
            )
            told = journal_lines(tmp_path / "alerts.jsonl")
            phases.append([(line["cause"], line["status"]) for line in told])
    refresh, disk_full = "refresh silent", conditions.DISK
    assert phases[0] == []
    assert sorted(phases[1]) == [(disk_full, "opened"), (refresh, "opened")]
    assert phases[2] == phases[1]
    assert phases[3][2:] == [(refresh, "resolved")]
    assert sorted(phases[4][3:]) == [(disk_full, "resolved"), (refresh, "opened")]


def journal_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{"cause": line["cause"], "status": line.get("status", "opened")} for line in lines]


def test_a_role_that_cannot_begin_is_said_by_up_and_by_status(user: User):
    user.edit("shipworthy.toml", ("[monitoring]", '[monitoring]\nwebhook = "env:NOBODY_SET_THIS"'))
    with user.up() as up:
        eventually(lambda: "watch ended with 2" in up.said, "`up` to say that the watch cannot begin")
        assert "the environment has no NOBODY_SET_THIS" in up.said
        status = user.json("status")
        [watch] = [role for role in status["roles"] if role["role"] == "watch"]
        assert watch["state"] == "failing"
        assert "the environment has no NOBODY_SET_THIS" in watch["words"]
        said = user.run("status").out
        assert "needs somebody now" in said or "need somebody now" in said
        page = str(status["running"].rpartition("page at ")[2])
        assert 'shipworthy_role_works{model="patients",role="watch"} 0.0' in eventually(
            lambda: figures(page), "the page's figures"
        )


def figures(page: str) -> str:
    try:
        return httpx.get(f"{page}/metrics", trust_env=False, timeout=30).text
    except httpx.TransportError:
        return ""


@dataclasses.dataclass
class Wire:
    """A connection to a server that can be cut and put together again: bytes on loopback are passed on."""

    port: int  # of the server
    cut: bool = False

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.own_port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            if self.cut:
                caller.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.port))
            self._open += [caller, server]
            for one, other in ((caller, server), (server, caller)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

    def sever(self) -> None:
        self.cut = True
        for one in self._open:
            _end(one)
        self._open = []

    def mend(self) -> None:
        self.cut = False

    def close(self) -> None:
        self.sever()
        _end(self._listening)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while content := one.recv(65536):
            other.sendall(content)
    except OSError:
        pass
    finally:
        _end(other)


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with postgresql.server() as port:
        wire = Wire(port)
        yield wire
        wire.close()


@pytest.mark.needs("pg_ctlcluster")
def test_answers_go_on_while_the_ledger_is_away_and_are_recorded_once_it_is_back(
    user: User, wire: Wire, row: dict[str, object]
):
    server = URL.create("postgresql", "postgres", postgresql.PASSWORD, "127.0.0.1", wire.own_port, "postgres")
    url = server.render_as_string(hide_password=False)
    user.run("move", "--database", url)
    there = User(user.folder, {**user.settings, "SHIPWORTHY_DATABASE_URL": url})
    with there.up() as up:
        up.predict(row)
        wire.sever()
        eventually(lambda: "the ledger cannot be read" in up.said, "`up` to notice")
        up.predict(row)
        assert "the ledger cannot be read or written" in there.run("status", code=3).err
        wire.mend()
        eventually(lambda: "the ledger is back" in up.said, "`up` to notice")
        up.predict(row)
        assert up.said.count("the ledger cannot be read: ") == 1
        eventually(
            lambda: {role["role"]: role["at"] for role in there.json("status")["roles"]}.keys() >= {"record", "watch"},
            "the roles to work again",
        )
    there.run("record", "--once")
    assert there.json("status")["recorder"]["bytes"] == 0
    assert len(recorded(there)) == 3
