"""From `init` to two releases on a regression that has nothing of the flights, and what can be asked of it then."""

from __future__ import annotations

import json

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shipworthy.clock import DAY
from shipworthy.environments.requirements import names
from shipworthy.gate.decision import CHECKS
from shipworthy.lineage.records import Run
from shipworthy.monitoring.performance import Promised
from shipworthy.registry.records import Release
from shipworthy.wiring.held_out import basis_of
from shipworthy.wiring.project import open_project


def test_what_init_wrote_is_enough_to_ship(shipped):
    """Both releases are proven, the first with ONNX Runtime, the second with the library's own call."""
    status = shipped.json("status")
    assert (status["model"], status["live"]["number"], status["live"]["proven"], status["previous"]) == (
        "patients",
        2,
        True,
        1,
    )
    assert {one["payoff"] for one in status["counting"]} >= {"bmi", "prediction"}
    assert all("bet a window" in one["words"] for one in status["counting"])  # a sample without times
    assert {check["check"]: check["outcome"] for check in status["live"]["checks"]} == dict.fromkeys(CHECKS, "passed")
    second, first = (entry.decode(Release) for entry in shipped.entries("release"))
    reasons = [next(one.reason for one in release.verdicts if one.check == "runtime") for release in (first, second)]
    assert [reason.partition(" ")[0] for reason in reasons] == ["onnx", "python"]
    own = {file.path for file in second.files} - {file.path for file in first.files}
    assert own == {"code/clipped.py", "code/train.py"}


def test_the_lock_of_init_pins_what_the_user_has_installed(shipped):
    lock = (shipped.folder / "requirements.lock").read_text()
    assert {"pandas", "pyarrow", "scikit-learn"} <= set(names(lock))
    assert "http" not in lock
    run = shipped.entries("run")[0].decode(Run)
    pinned = dict(
        line.split(" ")[0].split("==") for line in lock.splitlines() if "==" in line and "python_full" not in line
    )
    assert pinned.items() <= {name.lower(): version for name, version in run.environment.distributions.items()}.items()


def test_every_reading_command_can_speak_json(shipped):
    """One JSON value each; a release, a run and a version of the data all lead to each other."""
    release = shipped.json("lineage", "@live")
    assert (release["number"], release["run"]["parameters"]) == (2, {"learning_rate": 0.05, "max_iter": 100})
    run = shipped.json("lineage", release["run"]["id"])
    assert shipped.json("lineage", "patients@1")["number"] == 1
    assert shipped.json("lineage", "@previous")["run"]["parameters"]["learning_rate"] == 0.1
    version = shipped.json("lineage", release["run"]["data"][0]["digest"])
    assert run["id"] == release["run"]["id"]
    assert len(version["runs"]) == 2
    assert json.loads(shipped.run("show", release["run"]["id"]).out)["record"]["model"] == "patients"


def test_people_are_shown_the_same(shipped):
    said = shipped.run("status").out
    assert "@2 is live, proven (bit-identical)" in said
    assert "whom to invite to a check-up" in said
    assert "learning_rate 0.05" in shipped.run("lineage", "@live").out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("@liv", "did you mean live?"),
        ("patient@1", "did you mean patients?"),
        ("patients@7", "patients has no release 7; it has 1 to 2"),
        ("2-w0-nobody-0-0-0", "2-w0-nobody-0-0-0"),
        ("run", "too short"),
        ("lates", "did you mean latest?"),
    ],
)
def test_a_name_that_is_nearly_right(shipped, name, told):
    assert told in shipped.run("lineage", name, code=2).err


def test_a_row_is_answered_by_the_live_release_without_a_server(user, row):
    """With the answer that the release gave in training's own environment, by either runtime; nothing is kept."""
    user.write("row.json", json.dumps(row))
    second = user.json("predict", "row.json")
    assert user.json("rollback", "--because", "a try")["release"] == 1
    first = user.json("predict", "row.json")
    assert (second["release"], first["release"]) == (2, 1)
    assert abs(second["predictions"][0]["prediction"] - first["predictions"][0]["prediction"]) < 60
    assert not user.layout.logs("patients").exists()
    assert str(first["predictions"][0]["prediction"]) in user.run("predict", "row.json").out


def test_a_row_that_breaks_the_contract_is_refused_with_field_and_value(user, row):
    user.run("rollback")  # to the release whose server starts faster
    user.write("row.json", json.dumps([row, {**row, "bmi": 400.0}]))
    said = user.run("predict", "row.json", code=1).err
    assert all(part in said for part in ("bmi", "400", "55"))
    user.write("row.json", json.dumps(row)[:-1])
    assert "row.json is not JSON" in user.run("predict", "row.json", code=2).err
    assert "none.json: there is no such file" in user.run("predict", "none.json", code=2).err


def test_going_back_and_forth(user):
    """A rollback is an alias moved, told with its reason; what was rolled back is not shipped again unasked."""
    assert user.json("rollback", "--because", "too many check-ups")["before"] == 2
    again = user.json("ship")
    assert (again["release"], again["live"]) == (2, 1)
    assert "@1 was made live since then" in again["reason"]
    assert user.json("release", "latest")["number"] == 2
    assert user.json("status")["live"]["number"] == 2
    assert len(user.entries("run")) == 2
    with user.ledger() as ledger:
        told = [entry.decode(dict)["because"] for entry in ledger.entries("alias", subject="live")]
    assert told[:2] == ["released", "too many check-ups"]


def test_a_table_is_scored_logged_and_told_of(user):
    """What breaks the contract is kept apart with the reason, and the exit code says so; the rest counts as asked."""
    user.run("rollback")
    rows = pq.read_table(user.folder / "data" / "patients.parquet").drop_columns(["progression"])
    bmi = [400.0, *rows["bmi"].to_pylist()[1:]]
    place = rows.column_names.index("bmi")
    pq.write_table(rows.set_column(place, "bmi", pa.array(bmi)), user.folder / "new.parquet")
    scored = user.json("score", "new.parquet", "scores", code=1)
    assert (scored["release"], scored["rows"], scored["refused"]) == (1, len(bmi) - 1, 1)
    refused = pl.read_delta(str(user.folder / scored["refused_table"]))
    assert "bmi" in str(refused.to_dicts())
    scores = pl.read_delta(str(user.folder / "scores"))
    user.run("record", "--once")
    recorded = pl.read_delta(str(user.layout.predictions("patients")))
    assert len(scores) == len(recorded) == len(bmi) - 1
    some = recorded["prediction_id"][7]
    traced = user.json("lineage", some)["prediction"]
    assert (traced["release"], traced["where"]) == (1, "table")


def test_what_a_release_is_held_against_are_the_rows_that_it_keeps(shipped):
    """Without times that is the gate's own figure; 88 rows are too few to estimate anything from."""
    project = open_project(shipped.folder)
    release = shipped.entries("release")[0].decode(Release)
    [figures] = [verdict.figures for verdict in release.verdicts if verdict.check == "quality"]
    basis = basis_of(project, release, DAY)
    assert basis.promised == Promised(pytest.approx(figures["candidate"]), int(figures["rows"]), 1)
    assert basis.loss.kind == "absolute error"
    assert "of which 200 are needed" in basis.why
    bare = msgspec.structs.replace(
        release, files=tuple(file for file in release.files if not file.path.startswith("holdout"))
    )
    assert basis_of(project, bare, DAY).promised == Promised(figures["candidate"], int(figures["rows"]), 1)
