"""The examples are ordinary users' projects: their contracts are read, and what they train on keeps them."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest

from shipworthy.contract.reading import read
from shipworthy.contract.sample import propose
from shipworthy.contract.violations import violations

EXAMPLES = Path(__file__).parents[2] / "examples"


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize("example", ["diabetes", "flights"])
def test_an_examples_contract_has_no_mistakes(example):
    assert read(EXAMPLES / example / "shipworthy.toml").target_source


@pytest.mark.parametrize("example", ["diabetes", "flights"])
def test_an_examples_lock_names_no_index_and_pins_by_hash(example):
    text = (EXAMPLES / example / "requirements.lock").read_text()
    assert "http" not in text
    assert text.count("--hash=sha256:") > text.count("==") > 5


def test_the_diabetes_example_trains_on_data_that_keeps_its_contract(tmp_path: Path):
    for name in ("prepare.py", "train.py"):
        shutil.copy(EXAMPLES / "diabetes" / name, tmp_path)
    module(tmp_path / "prepare.py").main()
    contract = read(EXAMPLES / "diabetes" / "shipworthy.toml")
    patients = pq.read_table(tmp_path / "data/patients.parquet")
    assert violations(contract, patients) == ()
    history, holdout = patients.slice(0, 354).to_pandas(), patients.slice(354).to_pandas()
    model = module(tmp_path / "train.py").train(history, contract.parameters)
    error = np.sqrt(np.mean((model.predict(holdout.drop(columns="progression")) - holdout["progression"]) ** 2))
    assert contract.gate.minimum is not None
    assert error < contract.gate.minimum


def test_init_would_have_begun_the_diabetes_contract(tmp_path: Path):
    shutil.copy(EXAMPLES / "diabetes" / "prepare.py", tmp_path)
    module(tmp_path / "prepare.py").main()
    (tmp_path / "shipworthy.toml").write_text(propose(tmp_path / "data/patients.parquet", folder=tmp_path))
    begun, edited = read(tmp_path / "shipworthy.toml"), read(EXAMPLES / "diabetes" / "shipworthy.toml")
    assert begun.data == edited.data
    assert begun.model.task == edited.model.task
    assert [(one.name, one.type) for one in begun.features] == [(one.name, one.type) for one in edited.features]
