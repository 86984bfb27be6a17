"""From a real MLflow server to a readiness report on somebody's own model, in one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from adoption.conftest import flights
from mlflow import MlflowClient
from wiring.user import User, settings

from shipworthy.adoption.records import Adoption
from shipworthy.contract.reading import read

TEAM = Path(__file__).parents[1] / "adoption" / "team_program.py"
NAME = "late"


def test_a_version_of_a_tracking_server_is_reported_on_with_what_its_record_lacks(mlflow_server, tmp_path, built):
    user = User(tmp_path / "project", settings(tmp_path, built, VIRTUAL_ENV=sys.prefix))
    flights().to_parquet(user.folder / "sample.parquet")
    team = [sys.executable, "-W", "ignore", TEAM, mlflow_server.uri, "good"]
    subprocess.run(team, cwd=user.folder, env=user.settings, check=True, capture_output=True)
    registry = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    version = registry.get_model_version_by_alias(NAME, "champion").version
    where = ("--tracking-uri", mlflow_server.uri, "--sample", "sample.parquet")
    said = user.json("adopt", f"models:/{NAME}@champion", *where, "--write")
    registry.delete_registered_model(NAME)  # other tests count its versions from one
    (entry,) = user.entries("adoption")
    adoption = entry.decode(Adoption)
    assert said["id"] == entry.id
    assert (adoption.registered.place, adoption.registered.version) == (mlflow_server.uri, version)
    assert {finding.ingredient for finding in adoption.findings} == {
        "code",
        "data",
        "environment",
        "parameters",
        "seed",
    }
    assert any(finding.state == "lacking" and finding.next for finding in adoption.findings)
    verdicts = {verdict.check: verdict.outcome for verdict in adoption.verdicts}
    assert (verdicts["runtime"], verdicts["rebuild"]) == ("passed", "undecided")
    assert adoption.latency.requests > 0
    assert adoption.next
    assert [feature.name for feature in read(user.folder / "shipworthy.toml").features] == ["distance", "hour"]
