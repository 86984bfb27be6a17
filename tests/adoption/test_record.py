"""What a record lacks for a rebuild is said as it is: what is not known counts as lacking."""

from __future__ import annotations

import msgspec
import pytest
from adoption.test_inputs import NAMED

from shipworthy.adoption.record import findings, unpinned
from shipworthy.adoption.records import DataInput, Surroundings, Tracked
from shipworthy.adoption.steps import next_steps
from shipworthy.registry.records import Verdict

INSTALLED = Surroundings("installed", "/venv/bin/python", "0" * 64, True, 12)
TRACKED = Tracked(
    uri="models:/late/3",
    run="abc",
    commit="c0ffee" * 6 + "c0ff",
    repository="https://example.com/flights.git",
    entry="train.py",
    parameters={"C": "0.5", "seed": "7"},
    data=(DataInput("flights", "local", "data/flights.parquet", "a" * 64, "training"),),
    requirements=("scikit-learn==1.9.1", "pandas==3.1.1"),
    python="3.11.7",
)


def states(described=NAMED, tracked=None, surroundings=INSTALLED):
    return {finding.ingredient: finding.state for finding in findings(described, tracked, surroundings)}


def found(ingredient, described=NAMED, tracked=None, surroundings=INSTALLED):
    return next(each for each in findings(described, tracked, surroundings) if each.ingredient == ingredient)


def test_a_bare_file_lacks_nearly_everything():
    assert states() == {
        "code": "lacking",
        "data": "lacking",
        "environment": "partly",
        "parameters": "lacking",
        "seed": "lacking",
    }


def test_a_full_run_of_a_tracker_still_proves_little():
    """Whether files were changed beside the commit, and whether the data is still there, is in no run."""
    assert states(tracked=TRACKED) == {
        "code": "partly",
        "data": "partly",
        "environment": "partly",
        "parameters": "recorded",
        "seed": "partly",
    }
    assert "whether files were changed beside it is not recorded" in found("code", tracked=TRACKED).found


@pytest.mark.parametrize(
    ("changes", "ingredient", "state", "told"),
    [
        ({"commit": None}, "code", "lacking", "train.py was run, no git commit is recorded"),
        ({"data": ()}, "data", "lacking", "the run names no dataset"),
        ({"data": (DataInput("f", "local", "", "c2e4e54d", ""),)}, "data", "partly", "A digest this short"),
        ({"requirements": ("scikit-learn", "pandas==3.1.1")}, "environment", "lacking", "1 without a version: scikit"),
        ({"parameters": {}}, "parameters", "lacking", "neither the file nor a run names any"),
        ({"parameters": {"random_state": "None"}}, "seed", "lacking", "left open: random_state"),
    ],
)
def test_less_in_a_run_is_less_on_record(changes, ingredient, state, told):
    finding = found(ingredient, tracked=msgspec.structs.replace(TRACKED, **changes))
    assert finding.state == state
    assert told in finding.found
    assert finding.next


def test_a_lock_is_a_record_only_with_hashes_and_without_a_warning_of_the_library():
    lock = Surroundings("lock", "requirements.lock", "0" * 64, True, 12)
    assert states(surroundings=lock)["environment"] == "recorded"
    assert states(surroundings=msgspec.structs.replace(lock, hashed=False))["environment"] == "partly"
    older = msgspec.structs.replace(NAMED, warnings=("Trying to unpickle from version 1.2 when using version 1.9",))
    assert "version 1.2" in found("environment", older, surroundings=lock).found
    assert states(older, surroundings=lock)["environment"] == "partly"


def test_a_seed_counts_only_where_it_is_a_number():
    fixed = msgspec.structs.replace(NAMED, seeds={"forest__random_state": "3", "split__random_state": None})
    assert found("seed", fixed).state == "partly"
    assert "left open: split__random_state" in found("seed", fixed).found
    assert states(msgspec.structs.replace(NAMED, seeds={"random_state": "RandomState"}))["seed"] == "lacking"


def test_requirements_that_leave_a_version_open_are_found():
    lines = ("a==1.0", "b", "c>=2", "d==1.*", "-r other.txt", "# said", "e @ https://x/e.whl", 'f==2; os_name=="nt"')
    assert unpinned(lines) == ("b", "c>=2", "d==1.*")


def test_the_next_steps_begin_with_what_callers_would_feel():
    late = Verdict("latency", "blocked", "too slow")
    steps = next_steps(findings(NAMED, None, INSTALLED), (late,), written=False, labelled=False)
    assert "--write" in steps[0]
    assert "does not keep the proposed SLA" in steps[2]
    assert steps[3].startswith("Give a sample with the truth")
    assert [step.partition(":")[0] for step in steps[4:-1]] == ["Code", "Data", "Parameters", "Seed", "Environment"]
