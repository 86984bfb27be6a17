"""The example is a project like a user's: its contract reads, its train function makes a model of what is promised."""

from __future__ import annotations

import importlib.util

import polars as pl
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from shipworthy.contract import reading
from shipworthy.contract.records import Contract
from shipworthy.demo import flights
from shipworthy.demo.show import example_folder


@pytest.fixture
def contract() -> Contract:
    return reading.read(example_folder() / "shipworthy.toml")


@pytest.fixture
def train():
    spec = importlib.util.spec_from_file_location("example_flights", example_folder() / "flights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with threadpool_limits(1):  # as the contract has it; two threads that wait for a busy core take minutes
        yield module.train


def test_the_contract_asks_for_what_the_world_sends(contract: Contract) -> None:
    assert tuple(feature.name for feature in contract.features) == flights.FEATURES


def test_the_model_looks_at_no_date_and_takes_names_that_it_never_saw(contract, train, fortnight: pa.Table) -> None:
    rows = pl.DataFrame(fortnight.filter(fortnight["late"].is_valid()))
    model = train(rows.select("id", *flights.FEATURES, "late"), contract.parameters, contract.model.seed)
    asked = rows.select(flights.FEATURES).head(50)
    said = model.predict_proba(asked)
    another_day = asked.with_columns(pl.col("scheduled_departure").dt.offset_by("180d"))
    assert (model.predict_proba(another_day) == said).all()
    assert model.predict_proba(asked.with_columns(carrier=pl.lit("ZZ"), dest=pl.lit("XYZ"))).shape == said.shape


def test_training_again_gives_the_same_model(contract, train, fortnight: pa.Table) -> None:
    rows = pl.DataFrame(fortnight.filter(fortnight["late"].is_valid())).select("id", *flights.FEATURES, "late")
    said = [train(rows, contract.parameters, contract.model.seed).predict_proba(rows.drop("id", "late")) for _ in "ab"]
    assert (said[0] == said[1]).all()
