"""What a user gets wrong is told in full, with what to do about it, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BROKEN = Path(__file__).parents[1] / "contract" / "broken"
CONTRACT = """
[model]
name = "churn"
task = "classification"
train = "train:train"
environment = "requirements.lock"
[purpose]
decision = "whom to call"
owner = "sales@example.com"
[parameters]
learning_rate = 0.1
max_iter = 100
loss = "log"
early_stopping = true
[data.customers]
source = "file:customers.parquet"
target = "left"
[features]
age = { type = "float", min = 0, max = 120 }
[gate]
metric = "auc"
"""


def test_ten_mistakes_are_told_in_one_go(user):
    """Each with its key, its value, what was expected, and often the likely typo."""
    user.write("shipworthy.toml", (BROKEN / "shipworthy.toml").read_text())
    said = user.run("train", code=2).err  # in a process of its own, as a user has it
    expected = (BROKEN / "messages.txt").read_text().splitlines()
    assert len(expected) > 10
    assert said.splitlines() == [
        f"{user.folder / 'shipworthy.toml'} has {len(expected)} mistakes:",
        *(f"  {line}" for line in expected),
    ]
    assert not user.layout.state.exists()


@pytest.mark.parametrize(
    "command",
    ["rehearse", "train", "ship", "check", "release", "up", "record", "watch", "refresh", "rollback", "status"],
)
def test_a_folder_without_a_contract(user, here, command):
    said = here(command, code=2).err
    assert said.startswith(f"there is no shipworthy.toml in {user.folder} or above it; `shipworthy init SAMPLE` writes")
    assert list(user.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("max_iter=200", "--set max_iter=200: expected parameters.NAME=VALUE, such as parameters.learning_rate=0.1"),
        (
            "parameters.max_iter",
            "--set parameters.max_iter: expected parameters.NAME=VALUE, such as parameters.learning_rate=0.1",
        ),
        (
            "parameters.learning_rat=0.2",
            (
                "parameters.learning_rat = 0.2: expected one of early_stopping, learning_rate, loss, max_iter"
                " (did you mean learning_rate?)"
            ),
        ),
        (
            "parameters.max_iter=many",
            "--set parameters.max_iter=many: expected a whole number, as the contract's max_iter = 100 is",
        ),
        (
            "parameters.learning_rate=fast",
            "--set parameters.learning_rate=fast: expected a finite number, as the contract's learning_rate = 0.1 is",
        ),
        (
            "parameters.early_stopping=maybe",
            "--set parameters.early_stopping=maybe: expected true or false, as the contract's early_stopping = True is",
        ),
        (
            "parameters.learning_rate=nan",
            "--set parameters.learning_rate=nan: expected a finite number, as the contract's learning_rate = 0.1 is",
        ),
    ],
)
def test_a_parameter_that_cannot_be_set(user, here, given, told):
    user.write("shipworthy.toml", CONTRACT)
    assert told in here("train", "--set", given, code=2).err.splitlines()
    assert user.entries("run") == []


def test_before_anything_is_trained_or_live(user, here):
    """Asked for what does not exist yet, a command says which one makes it."""
    user.write("shipworthy.toml", CONTRACT)
    user.write("row.json", '{"age": 3}')
    nothing = "nothing of churn is live yet: `shipworthy ship` makes the first release"
    for command in (["up"], ["serve"], ["predict", "row.json"], ["score", "in.parquet", "out"], ["refresh", "--now"]):
        assert here(*command, code=2).err.strip().endswith(nothing)
    for command in ("rebuild", "check", "release"):
        assert here(command, code=2).err.strip().endswith("churn has no run yet")
    assert here("rollback", code=1).err.strip().startswith("churn has no previous release to go back to")
    assert "churn has no live release yet" in here("lineage", "@live", code=2).err
    assert json.loads(here("status", "--json").out)["live"] is None
    assert "nothing is live: `shipworthy ship`" in here("status").out


def test_a_waiver_that_cannot_be_given(user, here):
    user.write("shipworthy.toml", CONTRACT)
    for check, until, told in (
        ("qualty", "2100-01-01", "did you mean quality?"),
        ("quality", "soon", "--until soon: expected a date such as"),
        ("quality", "2020-01-01", "2020-01-01"),
    ):
        assert told in here("waive", check, "--until", until, "--because", "we know", code=2).err
    assert user.entries("waiver") == []


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        ("none.parquet", "none.parquet"),
        ("notes.txt", "notes.txt"),
        ("torn.parquet", "torn.parquet"),
        ("empty.parquet", "the sample has no rows"),
    ],
)
def test_a_sample_that_init_cannot_use(user, here, sample, told):
    user.write("notes.txt", "to do")
    user.write("torn.parquet", "PAR1 and then nothing")
    pq.write_table(
        pa.table({"a": pa.array([], pa.float64()), "b": pa.array([], pa.float64())}), user.folder / "empty.parquet"
    )
    before = sorted(user.folder.iterdir())
    assert told in here("init", sample, code=2).err
    assert sorted(user.folder.iterdir()) == before


def test_init_changes_no_contract_that_is_there(user, here):
    user.write("shipworthy.toml", CONTRACT)
    pq.write_table(pa.table({"a": [1.0, 2.0], "b": [0, 1]}), user.folder / "sample.parquet")
    assert "never overwritten" in here("init", "sample.parquet", code=2).err
    assert (user.folder / "shipworthy.toml").read_text() == CONTRACT
