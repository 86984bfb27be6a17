"""Train and rebuild, end to end in the user's environment."""

from __future__ import annotations

import pytest

from shipworthy.lineage.records import Rebuild, Run, reaches
from shipworthy.training.rebuild import rebuild


@pytest.mark.parametrize("recipe", ["forest", "boosting", "lightgbm"])
def test_a_run_is_rebuilt_from_its_record_alone(project, recipe):
    entry = project.train(project.contract(recipe))
    (project.folder / "data" / "flights.parquet").unlink()
    (project.folder / "recipes.py").write_text("raise SystemExit('the tree has moved on')")
    found = rebuild(entry, project.state).decode(Rebuild)
    assert (found.rung, found.differences) == ("bit-identical", ())
    assert found.run == entry.id
    assert reaches(found.rung, found.wanted)


def test_an_unseeded_shuffle_is_found_out(project):
    entry = project.train(project.contract("unseeded"))
    found = rebuild(entry, project.state).decode(Rebuild)
    assert found.rung == "different"
    assert found.largest_difference > 0.01
    assert any("probes" in difference for difference in found.differences)


def test_a_run_says_what_it_was_made_from_and_a_key_rebuilds_it_once(project):
    entry = project.train(project.contract("logistic"), overrides={"c": 2.0})
    again = rebuild(entry, project.state, key="refresh:1")
    assert rebuild(entry, project.state, key="refresh:1") == again
    assert again.decode(Rebuild).rung == "bit-identical"
    run = entry.decode(Run)
    assert run.parameters == {"c": 2.0}
    assert run.metrics["rows"] == run.data[0].cut.history_rows
    assert 0.5 < run.metrics["accuracy"] <= 1
    assert run.environment.distributions["scikit-learn"]
    assert run.environment.variables["PYTHONHASHSEED"] == "0"
    assert {file.path for file in run.code.files} == {"recipes.py", "requirements.lock"}
    assert {"model.pkl", "bundle.json", "probes.parquet", "holdout_answers.npy"} <= {file.path for file in run.files}
