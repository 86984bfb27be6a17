"""`shipworthy adopt`, as a user has it: a model file or a registry, a sample, one command."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import joblib
from adoption.conftest import NUMBERS, flights
from adoption.team_program import FULL, trained

from shipworthy.adoption.records import Adoption
from shipworthy.contract.reading import read

TEAM = Path(__file__).with_name("team_program.py")


def test_a_pipeline_in_a_file_gets_a_report_and_a_contract(adopted):
    """Frozen from what is installed; the same answers by a faster runtime; a contract that can be read."""
    user, said = adopted
    adoption = said["adoption"]
    assert (adoption["family"], adoption["labels"]) == ("sklearn.pipeline.Pipeline", "late")
    assert {each["name"]: each["equal"] for each in adoption["bundle"]["runtimes"]} == {
        "onnx": True,
        "python": True,
    }
    assert adoption["bundle"]["online"] == "onnx"
    verdicts = {each["check"]: each["outcome"] for each in adoption["verdicts"]}
    assert (verdicts["runtime"], verdicts["rebuild"], verdicts["quality"]) == ("passed", "undecided", "undecided")
    assert adoption["latency"]["requests"] > 0
    assert adoption["score"]["score"] == 0
    contract = read(user.folder / "shipworthy.toml")
    assert [feature.name for feature in contract.features] == FULL
    assert contract.parameters["logisticregression__C"] == 0.5
    # Its encoder fails on a category that it has not seen: found out by asking, and told to callers.
    assert (contract.features[2].values, contract.features[2].unknown) == (("AA", "UA", "WN"), "refuse")
    assert "It fails on a category that it has never seen" in adoption["notes"][0]
    assert "scikit-learn==" in (user.folder / "requirements.lock").read_text()
    (entry,) = user.entries("adoption")
    kept = entry.decode(Adoption)
    assert entry.id == said["id"]
    assert {"model.pkl", "probes.parquet", "probe_answers.npy", "bundle.json", "runtimes/onnx/model.onnx"} <= {
        file.path for file in kept.files
    }
    assert all(user.objects.has(file.digest) for file in kept.files)
    again = user.run("adopt", "late.joblib", "--sample", "sample.parquet", "--write", code=2)
    assert "is there already and is never overwritten" in again.err


def test_a_version_of_a_registry_is_judged_by_its_run(user):
    """A real registry in a database, a real run; the sample is the input example that was logged."""
    store = f"sqlite:///{user.folder / 'registry.db'}"
    subprocess.run([sys.executable, "-W", "ignore", TEAM, store], cwd=user.folder, env=user.settings, check=True)
    said = user.run("adopt", "models:/late@champion", "--tracking-uri", store).out
    assert "train.py was run, no git commit is recorded" not in said
    assert "commit c0ffee" in said
    assert "flights for training from data/flights.parquet, digest" in said
    assert "A digest this short is of a sample of rows" in said
    assert "1 logged with the run" in said
    assert "left open: logisticregression__random_state" in said
    adoption = user.entries("adoption")[0].decode(Adoption)
    assert (adoption.model, adoption.rows, adoption.labels) == ("late", 20, None)
    assert [feature.name for feature in adoption.contract.features] == FULL
    assert adoption.contract.parameters == {"C": 0.5}
    assert [finding.state for finding in adoption.findings] == ["partly", "partly", "partly", "recorded", "lacking"]
    assert not (user.folder / "mlflow.db").exists()
    assert "alias nobody" in user.run("adopt", "models:/late@nobody", "--tracking-uri", store, code=2).err


def test_wrong_inputs_are_told_and_leave_nothing_behind(user):
    joblib.dump(trained(), user.folder / "late.joblib")
    flights()[NUMBERS].to_csv(user.folder / "few.csv", index=False)
    (user.folder / "notes.txt").write_text("no model")
    (user.folder / "small.lock").write_text("")
    whole = (user.folder / "late.joblib").read_bytes()
    (user.folder / "cut.joblib").write_bytes(whole[: len(whole) - 100])
    (user.folder / "cut.onnx").write_bytes(b"\x08\x08\x12\x00cut short")
    wrong = flights().head(50).assign(distance="far")
    wrong.to_csv(user.folder / "wrong.csv", index=False)
    away = ("--tracking-uri", "http://ann:secret@127.0.0.1:1")
    before = sorted(user.folder.iterdir())
    for arguments, told in (
        (("late.joblib",), "--sample is missing"),
        (("late.joblib", "--sample", "few.csv"), 'missing: "carrier" (there are distance, wind, hour)'),
        (("notes.txt", "--sample", "few.csv"), "is no model file that is known"),
        (("nothing.pkl", "--sample", "few.csv"), "does not exist"),
        (("cut.joblib", "--sample", "few.csv"), f"It was written with scikit-learn {version('scikit-learn')}"),
        (("cut.joblib", "--sample", "few.csv"), f"it has {len(whole) - 100:,} bytes, and the SHA-256"),
        (("cut.onnx", "--sample", "few.csv"), "It may be cut short or changed"),
        (("late.joblib", "--sample", "wrong.csv"), "It was asked with distance (category)"),
        (("models:/late@best", "--sample", "few.csv"), "no MLflow registry is named; expected --tracking-uri"),
        (
            ("models:/late@best", "--sample", "few.csv", *away),
            "the MLflow server at http://127.0.0.1:1 does not answer",
        ),
        (("models:/late", "--sample", "few.csv"), "expected models:/NAME@ALIAS"),
        (("late.joblib", "--sample", "few.csv", "--environment", "small.lock"), "small.lock does not have it"),
        (("late.joblib", "--sample", "few.csv", "--environment", "no.lock"), "no.lock does not exist"),
    ):
        said = user.run("adopt", *arguments, code=2).err
        assert told in said
        assert "secret" not in said
    assert sorted(user.folder.iterdir()) == before
