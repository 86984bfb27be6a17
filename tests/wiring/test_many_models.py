"""One server for the models of several projects."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from sqlalchemy import select
from wiring.user import User, eventually

from shipworthy.counts.windows import decode
from shipworthy.store.tables import window_counts

# What is proven of these models is not the question here.
UNPROVEN = ('enforcement = "block"', 'enforcement = "observe"')


@pytest.fixture(scope="module")
def two(begun: User, tmp_path_factory: pytest.TempPathFactory) -> tuple[User, User]:
    """Two projects, each with a live release that ONNX Runtime answers for."""
    folder = tmp_path_factory.mktemp("models")
    made = []
    for name, rate in (("patients", "0.1"), ("frail", "0.2")):
        user = begun.copy(folder / name)
        changes = [('name = "patients"', f'name = "{name}"'), ("learning_rate = 0.1", f"learning_rate = {rate}")]
        slow = ("\n[monitoring]\n", "\n[monitoring]\nslow = 0.9\n")
        user.edit("shipworthy.toml", UNPROVEN, slow, *(change for change in changes if change[0] != change[1]))
        user.run("train")
        user.run("release", "latest")
        made.append(user)
    return made[0], made[1]


@pytest.fixture
def row(begun: User) -> dict[str, object]:
    patient = pq.read_table(begun.folder / "data" / "patients.parquet").slice(0, 1).to_pylist()[0]
    del patient["progression"]
    return patient


def ask(url: str, model: str, row: dict) -> dict:
    answer = httpx.post(f"{url}/models/{model}/predict", json={"rows": [row]}, timeout=60, trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def recorded(user: User, model: str) -> list[str]:
    table = user.layout.predictions(model)
    return DeltaTable(str(table)).to_pyarrow_dataset().to_table()["prediction_id"].to_pylist()


def latencies(user: User) -> dict[int, int]:
    """Requests whose latencies stand in windows, by release."""
    query = select(window_counts.c.release, window_counts.c.counts).where(window_counts.c.source == "latency")
    with user.ledger() as ledger, ledger.reading() as connection:
        return {row.release: decode(row.counts).requests for row in connection.execute(query)}


def test_models_of_two_projects_on_one_server_each_recorded_by_its_own(two: tuple[User, User], row):
    user, other = two
    ids: dict[str, list[str]] = {"patients": [], "frail": []}
    with user.up("up", "--also", other.folder.parent, "--models", 1, "--false-alarms", "1 per year") as up:
        told = other.layout.state / "up.json"
        eventually(told.exists, "the other project to be told")
        assert json.loads(told.read_bytes())["server"] == up.url
        answers = {}
        for name in ("patients", "frail", "patients"):
            answers[name] = ask(up.url, name, row)
            ids[name].append(answers[name]["predictions"][0]["id"])
        assert {name: said["model"] for name, said in answers.items()} == {"patients": "patients", "frail": "frail"}
        assert answers["patients"]["predictions"][0]["prediction"] != answers["frail"]["predictions"][0]["prediction"]
        assert "process" in other.run("serve", "--port", 0, code=2).err  # its state is held
        assert other.json("lineage", ids["frail"][0])["prediction"]["release"] == answers["frail"]["release"]
        other.edit("shipworthy.toml", ("learning_rate = 0.2", "learning_rate = 0.3"))
        other.run("train")
        other.run("release", "latest")
        eventually(lambda: ask(up.url, "frail", row)["release"] == 2, "the other model's second release")
        assert ask(up.url, "patients", row)["release"] == 1
        assert "1 a year that all 2 models of the installation may have together: 0.5" in user.json("status")["promise"]
    assert latencies(user) == {1: 3}
    assert latencies(other).keys() == {1, 2}
    assert set(ids["patients"]) < set(recorded(user, "patients"))
    assert set(ids["frail"]) < set(recorded(other, "frail"))


def test_what_cannot_share_a_server_is_refused_by_name(two: tuple[User, User], tmp_path: Path):
    user, _ = two
    assert "named twice" in user.run("serve", "--also", user.folder, code=2).err
    assert "there is no shipworthy.toml" in user.run("serve", "--also", tmp_path / "nothing", code=2).err
    same = user.copy(tmp_path / "copy")
    assert "each name once" in user.run("serve", "--also", same.folder, code=2).err
