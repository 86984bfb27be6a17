"""An adopted model in production: unproven, signed so, until its training is attached and makes the same model."""

from __future__ import annotations

from pathlib import Path

from adoption.conftest import flights
from adoption.team_program import FULL
from wiring.user import User

TRAIN = '''"""The training, as the team had it."""

from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def train(sample, parameters, seed):
    """Fit it."""
    rows = sample.to_pandas() if hasattr(sample, "to_pandas") else sample
    columns = make_column_transformer((OneHotEncoder(), ["carrier"]), (StandardScaler(), ["distance", "hour"]))
    model = make_pipeline(columns, LogisticRegression(C=parameters["logisticregression__C"]))
    return model.fit(rows[["distance", "hour", "carrier"]], rows["late"])
'''


def written_down(user: User) -> None:
    """What only a person can say, and an SLA that a busy machine keeps too."""
    text = (user.folder / "shipworthy.toml").read_text()
    lines = {
        "decision = ": 'decision = "whom to rebook"',
        "owner = ": 'owner = "ops@example.com"',
        "p99_ms = ": "p99_ms = 500",
        "rate = ": "rate = 500",
    }
    for begin, line in lines.items():
        text = "\n".join(line if each.startswith(begin) else each for each in text.splitlines())
    user.write("shipworthy.toml", text + "\n")


def test_it_is_served_watched_and_signed_as_unproven_and_proven_by_its_training(adopted, tmp_path):
    user, adoption, rows = adopted[0].copy(tmp_path / "project"), adopted[1]["id"], flights()
    assert "signed as unproven" in user.run("release", adoption, code=1).err
    assert "purpose.decision" in user.run("release", adoption, "--unproven", code=1).err  # blocked is blocked
    written_down(user)
    released = user.json("release", adoption, "--unproven")
    assert (released["number"], released["proven"]) == (1, False)
    name, folder = released["model"], user.layout.release(released["model"], 1)
    proof = user.json("verify", folder)
    assert proof["unproven_because"][0] == "it was adopted: nobody has attached the training that made it"
    assert (proof["slsa"]["level"], [each["name"] for each in proof["inputs"]]) == (0, ["environment"])
    assert "signed as UNPROVEN" in user.run("verify", folder, "--proven", code=1).err
    assert "UNPROVEN" in user.run("status").out
    row = rows[FULL].iloc[0].to_dict()
    with user.up() as up:
        answer = up.predict({**row, "distance": float(row["distance"]), "hour": int(row["hour"])})
        assert answer["release"] == 1
    user.run("record", "--once")
    assert user.json("lineage", answer["predictions"][0]["id"])["release"]["proven"] is False
    assert "no training is attached" in user.run("rebuild", "@1", code=3).err
    assert "was adopted" in user.run("check", "@1", code=2).err
    user.write("train.py", TRAIN)
    shipped = user.json("train")
    rebuilt = user.json("rebuild", "@1")["rebuild"]
    assert rebuilt["run"] == released["run"]
    assert rebuilt["trained"] == shipped["id"]
    assert rebuilt["rung"] in ("bit-identical", "canonical-identical", "prediction-identical")
    _signed(user, folder, shipped["id"], released["run"])
    (view,) = user.json("status")["releases"]
    assert view["since"].startswith(f"proven since: {shipped['id']} makes it again, ")
    assert view["proven"] is False  # a release never changes
    assert name == "late"


def _signed(user: User, folder: Path, trained: str, adopted: str) -> None:
    """That it is proven since is a statement beside the release's own, which holds for this release alone."""
    said = user.json("verify", folder)
    assert (said["attached"]["trained"], said["attached"]["run"]) == (trained, adopted)
    assert "attached.dsse.json" in {each["file"] for each in said["statements"]}
    told = user.run("verify", folder).out
    assert "UNPROVEN when it was released" in told
    assert f"proven since: {trained} makes the model that was adopted" in told
    statement = folder / "attached.dsse.json"
    signed = statement.read_text()
    statement.write_text((folder / "provenance.dsse.json").read_text())
    assert "expected a 'https://slsa.dev/verification_summary" in user.run("verify", folder, code=1).err
    statement.write_text(signed)


def test_another_training_does_not_make_it_proven(adopted, tmp_path):
    """One parameter differs from what made it: the difference is named, and it stays unproven."""
    user, adoption = adopted[0].copy(tmp_path / "project"), adopted[1]["id"]
    written_down(user)
    user.json("release", adoption, "--unproven")
    user.write("train.py", TRAIN.replace('parameters["logisticregression__C"]', "0.1"))
    user.run("train")
    assert "different" in user.run("rebuild", "@1", code=1).err
    (view,) = user.json("status")["releases"]
    assert view["since"] == ""
