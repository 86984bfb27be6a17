"""`up`: one supervisor, everything recorded that was answered, and nothing left behind by a kill."""

from __future__ import annotations

import json
import os

import httpx
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from sqlalchemy import select
from wiring.user import User, eventually

from shipworthy.counts.windows import decode
from shipworthy.store.tables import window_counts


def recorded(user: User) -> list[dict]:
    """The rows of the Delta table."""
    table = user.layout.predictions("patients")
    if not DeltaTable.is_deltatable(str(table)):
        return []
    query = "SELECT * FROM predictions ORDER BY arrived, prediction_id"
    return pa.table(QueryBuilder().register("predictions", DeltaTable(str(table))).execute(query)).to_pylist()


def counted(user: User) -> dict[int, int]:
    """Rows in all windows, by release."""
    with user.ledger() as ledger, ledger.reading() as connection:
        found = connection.execute(select(window_counts.c.release, window_counts.c.counts)).all()
    rows: dict[int, int] = {}
    for release, counts in found:
        rows[release] = rows.get(release, 0) + decode(counts).rows
    return rows


def shown(page: str) -> str:
    """The page; "" while nobody answers there."""
    try:
        return httpx.get(page, trust_env=False).raise_for_status().text
    except httpx.ConnectError:
        return ""


def test_what_is_answered_is_recorded_and_known_by_its_id(user, row):
    """Fresh from the log, later from the table, the same prediction; and back from it to the data."""
    with user.up() as up:
        one = up.predict(row, id="patient-1")
        (recorder,) = (pid for pid, line in user.processes().items() if "wiring.record " in f"{line} ")
        eventually(lambda: os.getpriority(os.PRIO_PROCESS, recorder) > 0, "the recorder to let answers go first")
        [prediction] = one["predictions"]
        fresh = user.json("lineage", prediction["id"])
        many = up.predict(*[{**row, "age": age} for age in range(20, 60)])
        page = json.loads((user.layout.state / "up.json").read_bytes())["page"]
        assert "@2 live" in eventually(lambda: shown(page), "the page")
    assert one["release"] == many["release"] == 2
    rows = recorded(user)
    assert [each["prediction_id"] for each in rows] == sorted(
        [prediction["id"], *(each["id"] for each in many["predictions"])]
    )
    assert counted(user) == {2: 41}
    assert not [*user.layout.logs("patients").glob("*/*.log")]
    later = user.json("lineage", prediction["id"])
    assert [fresh["prediction"].pop("where"), later["prediction"].pop("where")] == ["log", "table"]
    assert fresh == later
    assert (fresh["prediction"]["caller_id"], fresh["prediction"]["features"]) == ("patient-1", row)
    assert fresh["prediction"]["answer"] == [prediction["prediction"]]
    assert fresh["release"]["run"]["data"][0]["rows"] == 442


def test_a_second_up_is_refused_and_one_that_was_killed_leaves_nothing(user, row):
    with user.up() as up:
        said = user.run("up", "--port", 0, code=2).err
        assert f"`shipworthy up`, process {up.process.pid}, since " in said
        assert f"process {up.process.pid}" in user.json("status")["running"]
        first = up.predict(row)["predictions"][0]["id"]
        children = user.processes().keys() - {up.process.pid}
        assert len(children) >= 5, "a worker, and record, watch, refresh, page"
        up.kill()
        eventually(lambda: not user.processes(), "the children of a killed `up` to end")
    assert user.json("status")["running"].startswith("nothing runs")
    with user.up() as up:
        second = up.predict(row)["predictions"][0]["id"]
    assert not user.processes()
    assert {each["prediction_id"] for each in recorded(user)} == {first, second}


def test_roles_of_their_own(user, row):
    """`serve` alone, and `record --once` when somebody's scheduler says so."""
    with user.up(role="serve") as server:
        answer = server.predict(row)
        assert recorded(user) == []
        user.run("record", "--once")
        assert [each["prediction_id"] for each in recorded(user)] == [answer["predictions"][0]["id"]]
        user.run("watch", "--once")
    assert "no refresh is due" in user.run("refresh", "--once").out
