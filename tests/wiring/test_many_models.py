"""One server for the models of several projects."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from wiring.user import User, eventually


@pytest.fixture
def two(begun: User, user: User, tmp_path: Path) -> tuple[User, User]:
    """Two projects, each with a live release that ONNX Runtime answers for."""
    user.run("rollback")
    other = begun.copy(tmp_path / "others" / "frail")
    other.edit(
        "shipworthy.toml",
        ('name = "patients"', 'name = "frail"'),
        ("learning_rate = 0.1", "learning_rate = 0.2"),
        ('enforcement = "block"', 'enforcement = "observe"'),  # what is proven of it is not the question here
    )
    other.run("train")
    other.run("release", "latest")
    return user, other


def test_models_of_two_projects_on_one_server_each_recorded_by_its_own(two: tuple[User, User], row):
    user, other = two
    with user.up("serve", "--also", other.folder.parent, "--models", 1) as up:
        assert json.loads((other.layout.state / "up.json").read_bytes())["server"] == up.url
        answers = {name: ask(up.url, name, row) for name in ("patients", "frail", "patients")}
        assert {name: said["model"] for name, said in answers.items()} == {"patients": "patients", "frail": "frail"}
        assert answers["patients"]["predictions"][0]["prediction"] != answers["frail"]["predictions"][0]["prediction"]
        assert other.run("serve", "--port", 0, code=2).err.count("process")  # its state is held
        [prediction] = answers["frail"]["predictions"]
        assert other.json("lineage", prediction["id"])["prediction"]["release"] == answers["frail"]["release"]
        # Release 2 of the first project needs an environment of its own: the one before goes on answering.
        user.run("rollback")
        eventually(lambda: "serve it apart" in up.said, "the refusal of a Python model")
        assert ask(up.url, "patients", row)["release"] == 1


def ask(url: str, model: str, row: dict) -> dict:
    answer = httpx.post(f"{url}/models/{model}/predict", json={"rows": [row]}, timeout=60, trust_env=False)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()


def test_what_cannot_share_a_server_is_refused_by_name(user: User, begun: User, tmp_path: Path):
    assert "named twice" in user.run("serve", "--also", user.folder, code=2).err
    assert "there is no shipworthy.toml" in user.run("serve", "--also", tmp_path / "nothing", code=2).err
    same = user.copy(tmp_path / "copy")
    assert "each name once" in user.run("serve", "--also", same.folder, code=2).err
