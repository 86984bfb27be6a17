"""A refresh killed anywhere goes on at its last finished step."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("refresher_program.py")
STEPS = ["broken_input", "train", "rebuild", "check", "release", "finish"]


def refresh(folder: Path, *, die_in: str = "", answer: str = "ship") -> int:
    """Run the refresher in a process of its own; it kills itself inside the step `die_in`. Returns its exit code."""
    command = [sys.executable, str(PROGRAM), str(folder), die_in, answer]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(done.stderr)
    return done.returncode


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().split()


def outcome(folder: Path) -> dict:
    return json.loads((folder / "outcome.json").read_text())


@pytest.mark.parametrize("step", ["train", "check", "finish"])
def test_a_killed_refresh_repeats_only_the_step_it_was_killed_in(tmp_path, step):
    assert refresh(tmp_path, die_in=step) == -signal.SIGKILL
    assert not (tmp_path / "outcome.json").exists() or step == "finish"
    assert refresh(tmp_path) == 0
    counted = {name: calls(tmp_path).count(name) for name in STEPS}
    assert counted == {name: 2 if name == step else 1 for name in STEPS}
    assert outcome(tmp_path)["ending"] == "released"


def test_a_refresh_that_the_gate_holds_says_why_and_releases_nothing(tmp_path):
    refresh(tmp_path, answer="hold")
    assert outcome(tmp_path)["ending"] == "held"
    assert outcome(tmp_path)["reason"] == "worse by 0.02"
    assert "release" not in calls(tmp_path)


def test_broken_input_is_never_learnt_from(tmp_path):
    refresh(tmp_path, answer="broken")
    assert outcome(tmp_path)["ending"] == "broken input"
    assert "train" not in calls(tmp_path)


def test_a_failed_training_ends_the_refresh_with_its_reason(tmp_path):
    refresh(tmp_path, answer="fail")
    assert (outcome(tmp_path)["ending"], outcome(tmp_path)["reason"]) == (
        "failed",
        "train() raised ValueError: no rows",
    )


def test_a_ledger_that_is_away_for_a_while_fails_no_refresh(tmp_path):
    refresh(tmp_path, answer="away")
    assert outcome(tmp_path)["ending"] == "released"
    assert {name: calls(tmp_path).count(name) for name in ("train", "rebuild")} == {"train": 1, "rebuild": 3}


def test_the_same_trigger_twice_is_one_refresh(tmp_path):
    refresh(tmp_path)
    refresh(tmp_path)
    assert [name for name in calls(tmp_path) if name == "train"] == ["train"]
