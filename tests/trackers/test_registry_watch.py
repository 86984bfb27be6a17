"""A team that goes on registering versions with MLflow alone, and pointing the alias at them: the gate has its say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from adoption.conftest import flights
from adoption.test_unproven import written_down
from mlflow import MlflowClient
from wiring.user import User, settings

from shipworthy.adoption.records import Judged
from shipworthy.registry.records import Release

TEAM = Path(__file__).parents[1] / "adoption" / "team_program.py"
# What nobody can know of a version without its training.
OPEN = {"data", "quality", "rebuild", "rehearsal", "reference"}


@pytest.fixture
def user(tmp_path: Path, cache: Path, server) -> User:
    more = {"VIRTUAL_ENV": sys.prefix, "SHIPWORTHY_MLFLOW_TRACKING_URI": server.uri}
    made = User(tmp_path / "project", settings(tmp_path, cache, **more))
    flights().to_parquet(made.folder / "sample.parquet")
    return made


def registered(user: User, server, *kinds: str) -> None:
    command = [sys.executable, "-W", "ignore", TEAM, server.uri, *kinds]
    subprocess.run(command, cwd=user.folder, check=True, capture_output=True)


def test_the_alias_moves_to_a_foreign_version_only_once_it_has_passed_the_gate(user, server):
    client = MlflowClient(server.uri, server.uri)

    def champion() -> str:
        return client.get_model_version_by_alias("late", "champion").version

    registered(user, server, "good")
    found = user.json(
        "adopt", "models:/late@champion", "--tracking-uri", server.uri, "--sample", "sample.parquet", "--write"
    )
    written_down(user)
    user.run("release", found["id"], "--unproven")
    tags = client.get_model_version("late", "1").tags
    assert (tags["shipworthy.release"], tags["shipworthy.proven"]) == ("1", "false")
    assert "unproven" in user.run("lineage", "@1").out.lower()
    release = user.entries("release")[0].decode(Release)
    assert (release.number, release.proven, release.rebuild) == (1, False, None)
    assert release.reference, "production is compared with the rows that were given"
    assert (champion(), len(client.search_model_versions("name='late'"))) == ("1", 1), "no second version of it"

    registered(user, server, "other", "worse")
    assert champion() == "3"
    said = user.json("watch-registry", "--sample", "sample.parquet", code=1)
    assert said["restored"] == ["champion named version 3, and names version 1 again, which is @1"]
    assert [(each["version"], each["outcome"], each["release"]) for each in said["judged"]] == [
        ("2", "undecided", None),
        ("3", "blocked", None),
    ]
    assert "quality blocked: auc" in said["judged"][1]["reason"]
    assert "of the live release" in said["judged"][1]["reason"]
    assert "`shipworthy waive CHECK …`, for each of" in said["judged"][0]["reason"]
    assert champion() == "1"
    tags = client.get_model_version("late", "2").tags
    assert tags["shipworthy.gate"].startswith("undecided: ")
    assert tags["shipworthy.check.runtime"].startswith("passed: ")
    assert tags["shipworthy.adoption"] == said["judged"][0]["adoption"]
    (judged,) = (each.decode(Judged) for each in user.entries("judged") if each.subject == tags["shipworthy.adoption"])
    assert {verdict.check for verdict in judged.verdicts if verdict.outcome == "undecided"} == OPEN
    assert user.json("watch-registry", "--sample", "sample.parquet")["judged"] == [], "each is judged once"

    for check in OPEN:
        user.run("waive", check, "--until", "2099-01-01", "--because", "the team's own training is trusted")
    (released,) = user.json("watch-registry", "--sample", "sample.parquet")["judged"]
    assert (released["version"], released["outcome"], released["release"]) == ("2", "passed", 2)
    assert champion() == "2"
    assert client.get_model_version_by_alias("late", "previous").version == "1"
    release = user.entries("release")[0].decode(Release)
    assert (release.number, release.proven) == (2, False)
    assert {verdict.check for verdict in release.verdicts if verdict.outcome == "waived"} == OPEN
    assert user.json("watch-registry", "--sample", "sample.parquet")["judged"] == []
    assert champion() == "2", "a waiver lets nothing pass that is known to be worse"
