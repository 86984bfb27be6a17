"""When a run is made again, what it may cost, and models that are random by nature."""

from __future__ import annotations

import pytest

from shipworthy import clock
from shipworthy.errors import Undecided
from shipworthy.gate.checks.rebuild import rebuild as check
from shipworthy.lineage.records import Run
from shipworthy.training.proof import earlier_proof
from shipworthy.training.rebuild import beyond_budget


def verdict(project, entry, made=None):
    """What the gate says."""
    rule = entry.decode(Run).contract.gate.rebuild
    earlier = earlier_proof(project.state.ledger, entry)
    return check(rule, made, made and "rebuild-1", because=beyond_budget(entry.decode(Run)), earlier=earlier)


def test_only_what_has_changed_since_the_last_proof_is_made_again(project):
    contract = project.contract("steady", when="changed")
    first = project.train(contract)
    assert earlier_proof(project.state.ledger, first) is None
    assert verdict(project, first).outcome == "undecided"
    project.rebuild(first)
    second = project.train(contract)
    said = verdict(project, second)
    assert said.outcome == "passed"
    assert f"those of {first.id}, which was made again as bit-identical" in said.reason
    (project.folder / "recipes.py").write_text((project.folder / "recipes.py").read_text() + "\n# another\n")
    third = project.train(contract)
    assert earlier_proof(project.state.ledger, third) is None
    always = project.train(project.contract("steady"))
    assert earlier_proof(project.state.ledger, always) is None, "its contract asks for a rebuild of every release"


def test_a_recipe_that_failed_since_is_no_proof(project):
    contract = project.contract("unseeded", when="changed", rung="within-tolerance")
    project.rebuild(project.train(contract), diagnose=False)
    assert earlier_proof(project.state.ledger, project.train(contract)) is None


def test_a_training_beyond_the_budget_is_repeated_on_demand_only(project):
    entry = project.train(project.contract("steady", budget=10))
    with pytest.raises(Undecided, match=r"could not decide: would take 0 s.*--beyond-budget"):
        project.rebuild(entry)
    assert verdict(project, entry).outcome == "undecided"
    assert "gate.rebuild.budget is 0 s" in verdict(project, entry).reason
    made = project.rebuild(entry, beyond_budget=True)
    assert verdict(project, entry, made).outcome == "passed"


def test_a_diagnosis_ends_with_the_budget_and_says_what_it_left_out(project):
    entry = project.train(project.contract("unseeded", rung="within-tolerance", budget=clock.SECOND))
    found = project.rebuild(entry).diagnosis
    assert found.trials == ()
    assert "the budget was used up before every factor was swapped" in found.words


def test_a_model_that_is_random_by_nature_is_held_against_other_seeds(project, monkeypatch):
    contract = project.contract("random_by_nature", rung="statistically-equivalent", seeds=4)
    monkeypatch.setenv("USER", "somebody")
    entry = project.train(contract)
    monkeypatch.setenv("USER", "somebody else")
    found = project.rebuild(entry)
    assert found.rung == "different"
    assert found.equivalence.probability == pytest.approx(0.2)
    said = verdict(project, entry, found)
    assert said.outcome == "blocked"
    assert "told apart from 4 trainings with other seeds (conformal test at 80% confidence" in said.reason
    assert found.equivalence.lowest > found.equivalence.run
    assert found.diagnosis is None
    steady = project.rebuild(project.train(project.contract("steady", rung="statistically-equivalent")))
    assert (steady.rung, steady.equivalence) == ("bit-identical", None)
