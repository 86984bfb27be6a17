"""A command that is killed leaves nothing half-done, and the same command goes on from there."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from wiring.user import User, eventually

from shipworthy.gate.decision import CHECKS
from shipworthy.lineage.records import Run

TIMES = 3  # that a training is killed


@pytest.fixture
def user(begun: User, tmp_path: Path) -> User:
    """`init` has been done, and nothing is rehearsed or trained."""
    return begun.copy(tmp_path / "project")


def killed(user: User, *command: str, when: Callable[[subprocess.Popen[bytes]], object]) -> None:
    """Starts a command and kills it without warning; what it had started ends by itself."""
    process = user.start(*command)
    try:
        when(process)
        assert process.poll() is None, "it was over before it was killed"
    finally:
        process.kill()
        process.wait()
    eventually(lambda: not user.processes(), "what a killed command had started to end")


def whole(user: User) -> None:
    """Every file of every run is there, with the content that the run says."""
    for entry in user.entries("run"):
        for file in entry.decode(Run).files:
            assert len(user.objects.get(file.digest)) == file.size


def nothing_left(user: User) -> None:
    assert list(user.layout.work().iterdir()) == []


@pytest.mark.usefixtures("shipped")  # so that the environment is there, and takes no time
def test_a_training_that_is_killed_at_any_moment(user):
    began = time.monotonic()
    user.run("train", "--set", "parameters.max_iter=90")
    whole_time = time.monotonic() - began
    draw = random.Random(0)
    for part in range(TIMES):
        moment = (part + draw.random()) / TIMES * 0.8 * whole_time
        killed(user, "train", "--set", "parameters.max_iter=50", when=lambda _, wait=moment: time.sleep(wait))
        assert len(user.entries("run")) == 1
        whole(user)
    assert user.json("train", "--set", "parameters.max_iter=80")["run"]["parameters"]["max_iter"] == 80
    assert len(user.entries("run")) == 2
    nothing_left(user)


def test_a_ship_that_is_killed_goes_on_where_it_stopped(user):
    """Trained once and rebuilt once, whatever was killed when; then what stands against the release is told."""
    killed(user, "ship", when=lambda _: eventually(lambda: user.entries("run"), "the training"))
    assert f"{len(CHECKS)} check(s) stand against it" in user.run("release", code=3).err, "none of them was made yet"
    killed(user, "ship", when=lambda _: eventually(lambda: user.entries("rebuild"), "the rebuild"))
    said = user.run("ship", code=1)
    reason = (
        "rehearsal blocked: these [features] and [serving] were never rehearsed: run `shipworthy rehearse`, then train"
    )
    assert reason in said.err
    assert [len(user.entries(kind)) for kind in ("run", "rebuild", "release")] == [1, 1, 0]
    refused = user.run("release", code=1).err
    assert "1 check(s) stand against it" in refused
    assert reason in refused
    user.run("waive", "rehearsal", "--until", "2100-01-01", "--because", "the machine is a loan")
    assert user.json("ship")["release"] == 1
    assert len(user.entries("run")) == 1
    assert "waived until 2100-01-01" in user.run("status").out
    nothing_left(user)


def test_training_data_that_breaks_the_contract_is_told_by_column_row_and_value(user):
    path = user.folder / "data" / "patients.parquet"
    patients = pq.read_table(path)
    bmi = patients["bmi"].to_pylist()
    for number in (3, 7, 11):
        bmi[number] = -float(number)
    place = patients.column_names.index("bmi")
    pq.write_table(patients.set_column(place, "bmi", pa.array(bmi)), path)
    said = user.run("train", code=2).err
    assert "bmi: 3 rows out of range, first -3.0, -7.0, -11.0, from row 3; expected 5 to 55" in said
    assert user.entries("run") == []
    nothing_left(user)


def test_training_code_that_fails_is_told_by_its_own_lines(user):
    user.edit("train.py", ("    trees = ", "    raise RuntimeError('no trees today')\n    trees = "))
    said = user.run("train", code=1).err
    assert "RuntimeError: no trees today" in said
    assert "train.py" in said
    kept = Path(said.strip().rpartition("the full output: ")[2])
    assert "no trees today" in kept.read_text()
    assert user.entries("run") == []
