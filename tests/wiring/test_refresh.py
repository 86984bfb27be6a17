"""A miniature of production: the world changes, somebody is told, a new model takes over; or the data is broken."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from wiring import valves
from wiring.user import User, eventually

from shipworthy.monitoring.records import Alarm, Quality
from shipworthy.refresh.records import Refresh, Trigger


@pytest.fixture(scope="module")
def plant(begun: User, tmp_path_factory: pytest.TempPathFactory) -> User:
    """A first release, from the hours before the change."""
    user = User(tmp_path_factory.mktemp("plant") / "project", begun.settings)
    user.write("shipworthy.toml", valves.CONTRACT)
    user.write("train.py", valves.TRAIN)
    user.write("requirements.lock", (begun.folder / "requirements.lock").read_text())
    valves.tell(user.folder, [valves.hour(number) for number in range(valves.BEFORE)])
    user.run("waive", "rehearsal", "--until", "2100-01-01", "--because", "the same server is rehearsed elsewhere")
    assert user.json("ship")["release"] == 1
    return user


@pytest.fixture
def user(plant: User, tmp_path: Path) -> User:
    return plant.copy(tmp_path / "project")


def alerts(user: User) -> dict[str, str]:
    """What somebody was told, by cause."""
    path = user.layout.state / "alerts.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {alert["cause"]: alert["text"] for alert in map(json.loads, lines)}


def replay(user: User) -> int:
    """Every hour up to the end is asked about, and then what became of it all is told; how many were asked about."""
    asked, hours = 0, [valves.hour(number) for number in range(valves.BEFORE, valves.END)]
    with user.up(role="serve") as server:
        for rows in hours:
            answer = server.post(valves.bodies(rows))
            assert answer["release"] == 1
            asked += len(answer["predictions"])
    valves.tell(user.folder, hours)
    user.run("record", "--once")
    return asked


def test_a_world_that_changes_is_noticed_and_learnt(user):
    """Drift, alarm, alert; then a refresh that is killed in the middle goes on, and its release answers."""
    assert replay(user) == (valves.END - valves.BEFORE) * valves.ROWS
    user.run("watch", "--once")
    [alarm] = [entry.decode(Alarm) for entry in user.entries("alarm")]
    assert alarm.cause == "drift"
    change = valves.START.timestamp() + valves.CHANGE * 3600
    assert 0 < alarm.event_time / 1e9 - change < 6 * 3600, "within hours of the change, and not before it"
    assert "pressure" in alerts(user)["drift"]
    before = [entry.decode(Quality) for entry in user.entries("quality")]
    assert len(before) >= valves.END - valves.BEFORE - 2

    with user.up() as up:
        eventually(lambda: user.entries("run")[0].id != user.entries("run")[-1].id, "the refresh to have trained")
        [refresher] = [pid for pid, line in user.processes().items() if "wiring.refresh" in line]
        os.kill(refresher, signal.SIGKILL)
        eventually(lambda: user.entries("refresh"), "the refresh to end")
        last = valves.bodies(valves.hour(valves.END))
        eventually(lambda: up.post(last)["release"] == 2, "the new release to answer")
        eventually(lambda: "released" in alerts(user), "somebody to be told")
    [refresh] = [entry.decode(Refresh) for entry in user.entries("refresh")]
    assert (refresh.ending, refresh.release, refresh.trigger.cause) == ("released", 2, "drift"), refresh.reason
    assert "auc" in refresh.reason
    assert len(user.entries("run")) == 2, "a step that was over when the refresher was killed is not made again"
    assert [entry.decode(Trigger).id for entry in user.entries("refresh-begun")] == [refresh.trigger.id]
    status = user.json("status")
    assert status["live"]["number"] == 2
    assert [mark["kind"] for mark in status["marks"]] == ["alarm", "released"]


def test_broken_input_is_told_and_never_learnt(user):
    """A person's wish makes no difference: what breaks the contract is not trained on."""
    rows = valves.hour(valves.BEFORE)
    broken = [{**row, "pressure": 4000.0} for row in rows[:5]] + [{**row, "site": "west"} for row in rows[5:8]]
    valves.tell(user.folder, [[*broken, *rows[8:]]])
    said = user.run("refresh", "--now", "--once", code=1)
    assert "broken input" in said.out
    reason = ("pressure", "5 rows", "4000", "site", "3 rows", "west")
    assert [part for part in reason if part not in said.err] == []
    user.run("watch", "--once")
    assert [part for part in reason if part not in alerts(user)["broken input"]] == []
    assert len(user.entries("run")) == 1
    assert user.json("status")["live"]["number"] == 1
    assert "no refresh is due" in user.run("refresh", "--once").out


def test_data_without_a_feature_is_not_learnt_from(user):
    source = user.folder / "data" / "valves"
    read = QueryBuilder().register("valves", DeltaTable(source)).execute("SELECT at, pressure, burst FROM valves")
    write_deltalake(source, pa.table(read), mode="overwrite", schema_mode="overwrite")
    said = user.run("refresh", "--now", "--once", code=1)
    assert "site" in said.err
    assert "Traceback" not in said.err
    assert len(user.entries("run")) == 1
