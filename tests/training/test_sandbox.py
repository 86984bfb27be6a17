"""A run and its rebuild see what the contract declares, and say what held them to it."""

from __future__ import annotations

import pytest

from shipworthy.contract.records import DataSource, Model
from shipworthy.errors import TrainingFailed
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.training.rebuild import rebuild

RECIPE = """
from pathlib import Path
import pandas as pd
from sklearn.linear_model import LogisticRegression


def train(flights: pd.DataFrame, {extra}seed: int):
    {line}
    columns = ["distance", "stops"]
    model = LogisticRegression(C=float(lookup["c"][0]))
    return model.fit(flights[columns], flights["late"])
"""


def with_lookup(project, line: str, *, extra: str = "", sandbox: str = "on", more: tuple = ()):
    """A contract whose train function needs a lookup table."""
    (project.folder / "looking.py").write_text(RECIPE.format(line=line, extra=extra))
    features = project.contract("logistic").features[:2]
    return project.contract(
        "logistic",
        model=Model(name="late", task="classification", train="looking:train", sandbox=sandbox),
        features=features,
        data=(*project.contract("logistic").data, *more),
    )


@pytest.fixture
def lookup(project):
    """A file beside the project's data, which its .gitignore-like habits leave out of the code."""
    path = project.folder / ".cache" / "lookup.csv"
    path.parent.mkdir()
    path.write_text("c\n0.5\n")
    return path


def test_a_lookup_file_that_nobody_declared_is_named_and_declared_as_told(project, lookup):
    for place in (str(lookup), ".cache/lookup.csv"):
        line = f"lookup = pd.read_csv({place!r})"
        with pytest.raises(TrainingFailed) as caught:
            project.train(with_lookup(project, line))
        said = str(caught.value)
        assert f"the training read what the contract does not declare: {lookup}\n  looking.py, line 8, in train" in said
        assert line in said
        assert 'add [data.lookup] with source = "file:.cache/lookup.csv" to the contract, and take lookup in' in said
    assert project.state.ledger.entries("run") == []

    declared = DataSource(name="lookup", kind="file", location=".cache/lookup.csv")
    entry = project.train(with_lookup(project, "pass", extra="lookup, ", more=(declared,)))
    lookup.unlink()
    assert rebuild(entry, project.state).decode(Rebuild).rung == "bit-identical"


def test_a_lookup_file_among_the_code_is_an_input_that_a_rebuild_has(project):
    (project.folder / "lookup.csv").write_text("c\n0.5\n")
    entry = project.train(with_lookup(project, 'lookup = pd.read_csv(Path(__file__).with_name("lookup.csv"))'))
    (project.folder / "lookup.csv").write_text("c\n5000\n")
    made = rebuild(entry, project.state).decode(Rebuild)
    assert made.rung == "bit-identical"
    assert made.environment.sandbox == entry.decode(Run).environment.sandbox


def test_off_is_recorded(project, lookup):
    entry = project.train(with_lookup(project, f"lookup = pd.read_csv({str(lookup)!r})", sandbox="off"))
    assert entry.decode(Run).environment.sandbox == "off"


def test_what_a_training_went_on_without_is_in_its_record(project, lookup):
    tried = f"try: lookup = pd.read_csv({str(lookup)!r})\n    except OSError: lookup = {{'c': [1.0]}}"
    entry = project.train(with_lookup(project, tried))
    assert entry.decode(Run).environment.refused == (f"read {lookup} (looking.py, line 8)",)
