"""A model that was trained with its columns in another order than the contract's answers as it would in its own."""

from __future__ import annotations

import catboost
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.models.conftest import FEATURES, NUMBERS, delay, flights

from shipworthy.environments.runner.thresholds import thresholds
from shipworthy.models.bundle import Bundle
from shipworthy.models.inside.order import in_own_order, places, reordered
from shipworthy.models.inside.own_call import own_call
from shipworthy.models.runtimes import load

NUMERIC = [feature for feature in FEATURES if feature.name in NUMBERS]
OTHER = NUMBERS[::-1]
FEWER = [name for name in OTHER if name != "night"]
MODELS = {
    "lightgbm": lambda: lightgbm.LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1),
    "xgboost": lambda: xgboost.XGBRegressor(n_estimators=20, n_jobs=1),
    "catboost": lambda: catboost.CatBoostRegressor(iterations=20, verbose=0, thread_count=1, allow_writing_files=False),
    "sklearn": lambda: HistGradientBoostingRegressor(max_iter=20),
    "pipeline": lambda: make_pipeline(FunctionTransformer(), lightgbm.LGBMRegressor(n_estimators=20, verbose=-1)),
}


def frame(seed: int = 0) -> pd.DataFrame:
    return flights(seed)[NUMBERS].astype(float)


@pytest.fixture(params=MODELS)
def fitted(request):
    """Trained on the columns the other way round."""
    model = MODELS[request.param]()
    return request.param, model.fit(frame()[OTHER], delay(flights(0), 0))


def test_its_own_call_goes_by_the_names_of_columns(fitted):
    _, model = fitted
    right = model.predict(frame(5)[OTHER])
    assert np.array_equal(own_call(model, "regression")(frame(5)), right)
    assert not np.array_equal(model.predict(frame(5)[OTHER].set_axis(NUMBERS, axis=1)[OTHER]), right), "or none matters"


def test_every_runtime_of_it_does_too(fitted, trained):
    name, model = fitted
    description = trained.package(model, NUMERIC)
    assert {each.name: each.equal for each in description.runtimes if each.name != "python"} == {
        "onnx": True,
        **({} if name in ("sklearn", "pipeline") else {name: True}),
    }, description.runtimes
    rows = frame(6).to_numpy()
    for verdict in description.runtimes:
        runtime = load(Bundle(trained.folder, description), verdict.name)
        columns = [rows[:, place].copy() for place in range(rows.shape[1])]
        right = model.predict(frame(6)[OTHER])
        assert np.allclose(runtime.predict(columns).values[:, 0], right, atol=1e-6), verdict.name


def test_its_split_points_are_those_of_the_right_columns(fitted):
    _, model = fitted
    found = thresholds(model, frame(), NUMBERS)
    assert max(found["hour"]) < 24
    assert max(found["distance"]) > 100


def test_a_booster_alone_goes_by_its_own_names_too():
    booster = lightgbm.train(
        {"objective": "regression", "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(frame()[OTHER].rename(columns={"wind": "wind speed"}), delay(flights(0), 0)),
        20,
    )
    assert "wind_speed" in booster.feature_name()
    renamed = frame(5).rename(columns={"wind": "wind speed"})
    right = booster.predict(renamed[["night", "wind speed", "hour", "distance"]])
    assert np.array_equal(own_call(booster, "regression")(renamed), right)


@given(st.permutations(["a", "b", "c d", "e"]), st.permutations(["a", "b", "c d", "e"]))
def test_columns_of_the_same_names_come_out_in_the_models_order(trained_on, names):
    found = places(trained_on, names)
    assert [names[place] for place in found or range(4)] == list(trained_on)
    table = pd.DataFrame({name: [number] for number, name in enumerate(names)})
    for kind in (table, pl.from_pandas(table), pa.Table.from_pandas(table)):
        turned = reordered(trained_on, kind)
        assert list(getattr(turned, "column_names", None) or turned.columns) == list(trained_on)


@pytest.fixture(params=[name for name in MODELS if name != "pipeline"])
def on_fewer(request):
    """Trained on some columns, in another order; the contract has one more, which only says when."""
    model = MODELS[request.param]()
    return request.param, model.fit(frame()[FEWER], delay(flights(0), 0))


def test_a_feature_that_it_was_not_trained_on_is_kept_from_it(on_fewer):
    _, model = on_fewer
    rows = frame(5).assign(when=pd.Timestamp("2026-01-01"))
    assert np.array_equal(own_call(model, "regression")(rows), model.predict(rows[FEWER]))
    assert set(thresholds(model, frame(), NUMBERS)) <= set(FEWER)


def test_every_runtime_keeps_it_from_it_too(trained):
    model = MODELS["lightgbm"]().fit(frame()[FEWER], delay(flights(0), 0))
    description = trained.package(model, NUMERIC)
    found = {each.name: each.equal for each in description.runtimes}
    assert found == {"onnx": True, "lightgbm": True, "python": True}, description.runtimes


def test_a_pipeline_that_does_not_look_gets_what_its_first_step_needs():
    made = make_pipeline(
        FunctionTransformer(lambda rows: rows[FEWER] * rows[["night"]].to_numpy()), MODELS["lightgbm"]()
    )
    model = made.fit(frame(), delay(flights(0), 0))
    assert np.array_equal(own_call(model, "regression")(frame(5)), model.predict(frame(5)))


@pytest.mark.parametrize("trained_on", [["a", "b", "z"], ["a", "b", "c", "d"], ["a", "a", "b"], []])
def test_a_table_with_other_columns_is_left_to_the_library(trained_on):
    table = pd.DataFrame({"c": [1], "b": [2], "a": [3]})
    assert reordered(trained_on, table) is table
    array = table.to_numpy()
    assert reordered(["a", "b", "c"], array) is array
    assert in_own_order(object(), len) is len
