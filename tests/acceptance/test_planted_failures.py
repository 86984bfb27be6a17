"""A rebuild whose training fails outright: whether it does so every time, and what has to be put back for it not to."""

from __future__ import annotations

import functools

import msgspec
import pytest
from acceptance.planted_project import with_another_version
from acceptance.test_planted_causes import _at, only_cause

from shipworthy import clock
from shipworthy.environments import unlocked
from shipworthy.training import making


def test_a_package_that_has_lost_a_call(project, monkeypatch):
    with_another_version(project, "def scaled(x):\n    return 3.0 * x\n")
    with monkeypatch.context() as before:
        before.setattr(unlocked, "refuse_unlocked", lambda *_: None)
        entry = project.train(project.contract("by_call_of_package"))
    found = project.rebuild(entry)
    assert found.rung == "different"
    assert "has no attribute 'scaled'" in found.differences[0]
    factor, words = only_cause(found)
    assert factor == "package"
    assert words.startswith("scaling: 2.0 then, 1.0 now")
    assert [trial.rung for trial in found.diagnosis.trials] == [None, "bit-identical", "bit-identical", None]


def test_a_training_that_ends_with_a_day(project, monkeypatch):
    week_ago = clock.now() - 7 * 86_400 * clock.SECOND
    contract = msgspec.structs.replace(
        project.contract("until_yesterday"), parameters={"until": clock.now() - 86_400 * clock.SECOND}
    )
    with monkeypatch.context() as then:
        then.setattr(clock, "now", lambda: week_ago)
        then.setattr(making, "run_job", functools.partial(making.run_job, conditions=_at(week_ago)))
        entry = project.train(contract)
    found = project.rebuild(entry)
    factor, words = only_cause(found)
    assert "the licence has ended" in found.differences[0]
    assert factor == "clock"
    assert 'in until_yesterday: `if time.time() * 1e9 > parameters["until"]:`' in words


@pytest.fixture
def home(monkeypatch, tmp_path):
    """One that a training without a sandbox sees."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_failure_that_does_not_come_again_is_said_to_be_one(project, home):
    entry = project.train(project.contract("fails_once", sandbox="off"))
    (home / "full").touch()
    factor, words = only_cause(project.rebuild(entry))
    assert factor == "failure"
    assert words.startswith("it failed once, and makes the run's own model when the same recipe is trained again")


def test_a_training_that_fails_for_no_reason_that_is_known(project, home):
    (home / "weight.txt").write_text("3.0")
    entry = project.train(project.contract("by_settings_at_home", sandbox="off"))
    (home / "weight.txt").unlink()
    found = project.rebuild(entry).diagnosis
    assert found.causes == ()
    assert (
        found.words
        == "no cause was found: the same recipe fails now, whatever was put back that is otherwise than then"
    )
