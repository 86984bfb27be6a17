"""`move` and `backup`: two people with one ledger in PostgreSQL, who began with one in a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgresql
import pytest
from sqlalchemy.engine import URL
from wiring.user import User, settings


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a database that nobody has used."""
    with postgresql.server() as port:
        url = URL.create("postgresql", "postgres", postgresql.PASSWORD, "127.0.0.1", port, "postgres")
        yield url.render_as_string(hide_password=False)


@pytest.mark.needs("pg_ctlcluster")
def test_a_team_moves_to_postgresql_and_either_goes_on(
    user: User, tmp_path: Path, cache: Path, database: str, row: dict[str, object]
):
    before = user.json("status")
    shared = tmp_path / "shared"
    moved = user.json("move", "--database", database, "--store", shared)
    assert moved["models"] == ["patients"]
    assert moved["objects"] > 10

    left = user.run("status", code=2)
    assert "was moved to postgresql://postgres:***@" in left.err
    assert postgresql.PASSWORD not in left.err

    place = {"SHIPWORTHY_DATABASE_URL": database, "SHIPWORTHY_STORE": str(shared)}
    ann = User(user.folder, {**user.settings, **place})
    after = ann.json("status")
    assert after["live"] == before["live"]
    assert after["releases"] == before["releases"]
    assert "***@127.0.0.1" in after["kept"]

    # Another person: a clone of the project without its state, a HOME and a key of their own.
    folder = cloned(user.folder, tmp_path / "bob" / "project")
    bob = User(folder, {**settings(tmp_path / "bob", cache), **place})
    (bob.folder / "row.json").write_text(json.dumps(row))
    assert "whom nobody here trusts" in bob.run("predict", "row.json", code=1).err
    (key,) = (Path(user.settings["SHIPWORTHY_CONFIG"]) / "trusted").glob("*.pem")
    trusted = Path(bob.settings["SHIPWORTHY_CONFIG"]) / "trusted"
    trusted.mkdir(parents=True, exist_ok=True)
    shutil.copy(key, trusted)
    answer = bob.json("predict", "row.json")
    bob.json("rollback", "--because", "a try")
    assert ann.json("status")["live"]["number"] != before["live"]["number"]
    bob.json("rollback", "--because", "back again")

    # What is kept in a folder can be worked with at once, and moved to where it is wanted.
    kept = ann.json("backup", tmp_path / "kept")
    again = ann.json("backup", tmp_path / "kept")
    assert (again["digest"], again["objects"], again["bytes"]) == (kept["digest"], kept["objects"], 0)
    restored = {
        "SHIPWORTHY_DATABASE_URL": f"sqlite:///{tmp_path / 'kept' / 'ledger.db'}",
        "SHIPWORTHY_STORE": str(tmp_path / "kept" / "objects"),
    }
    carol = User(cloned(bob.folder, tmp_path / "carol"), {**bob.settings, **restored})
    assert told(carol.json("predict", "row.json")) == told(answer)


def cloned(folder: Path, to: Path) -> Path:
    """The project as git has it: without its state."""
    return shutil.copytree(folder, to, ignore=shutil.ignore_patterns(".shipworthy", "up.out"))


def told(answer: dict[str, Any]) -> list[float]:
    """The predictions without their ids."""
    return [one["prediction"] for one in answer["predictions"]]


def test_nothing_is_moved_under_those_who_work_on_it(user: User, tmp_path: Path):
    with user.up("serve"):
        said = user.run("move", "--database", f"sqlite:///{tmp_path / 'elsewhere.db'}", code=2)
    assert "is held by `shipworthy serve`" in said.err
    assert not (user.layout.state / "moved.json").exists()


def test_a_run_of_somebody_unknown_is_refused_before_it_is_proven(user: User, tmp_path: Path, cache: Path):
    user.edit("shipworthy.toml", ("seed = 0", "seed = 5"))
    user.run("train")
    stranger = User(user.folder, {**user.settings, "SHIPWORTHY_CONFIG": str(tmp_path / "another")})
    rebuilds = len(user.entries("rebuild"))
    assert "whom nobody here trusts" in stranger.run("ship", code=1).err
    assert len(user.entries("rebuild")) == rebuilds
