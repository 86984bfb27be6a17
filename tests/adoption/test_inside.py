"""A model file of each kind, loaded by its own library in a process of its own, and asked through our runtimes."""

from __future__ import annotations

import json
from pathlib import Path

import catboost
import joblib
import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from adoption.conftest import NUMBERS, flights
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from shipworthy.contract.records import Feature
from shipworthy.environments import runner
from shipworthy.errors import NotFound, WrongUse
from shipworthy.models import adopting
from shipworthy.models.adopting import Given, Unloadable
from shipworthy.models.bundle import PROBE_ANSWERS, PROBES, Bundle
from shipworthy.models.columns import schema
from shipworthy.models.converting import Facts
from shipworthy.models.formats import format_of
from shipworthy.models.packaging import package_graph
from shipworthy.models.runtimes import load

FEATURES = tuple(Feature(name=name, type="float", nullable=name == "wind") for name in NUMBERS)
BORROWED = {name: Path(runner.__file__).with_name(f"{name}.py") for name in ("canonical", "keeping", "thresholds")}


class Looked:
    """A model file, looked at, kept as a bundle and asked."""

    def __init__(self, file: Path, python: Path, *, full: bool = False) -> None:
        self.given = Given(file, format_of(file), (), file.parent)
        work, self.bundle = file.parent / "work", file.parent / "bundle"
        work.mkdir()
        self.bundle.mkdir()
        self.rows = flights()[NUMBERS].fillna(0) if full else flights()[NUMBERS]
        self.rows = self.rows.iloc[:200]
        table = pa.Table.from_pandas(self.rows, schema=schema(FEATURES), preserve_index=False)
        pq.write_table(table, self.bundle / PROBES)
        self.described = adopting.look(self.given, python, work)
        self.kept = adopting.keep(self.given, python, work, self.bundle, self.described, FEATURES, BORROWED)
        asked = {self.bundle / PROBES: self.bundle / PROBE_ANSWERS}
        adopting.answer(self.given, python, work, self.bundle, self.described, asked)
        self.answers = np.load(self.bundle / PROBE_ANSWERS)


def test_a_model_of_an_array_is_handed_an_array(tmp_path, python):
    rows = flights()
    model = HistGradientBoostingClassifier(max_iter=5, random_state=3).fit(rows[NUMBERS].to_numpy(), rows.late)
    joblib.dump(model, tmp_path / "m.joblib", compress=3)
    found = Looked(tmp_path / "m.joblib", python)
    described = found.described
    assert (described.task, described.classes, described.names, described.inputs) == ("classification", (0, 1), (), 3)
    assert (described.table, described.seeds) == ("numpy", {"random_state": "3"})
    assert {"numpy", "scikit-learn"} <= set(described.distributions)
    assert np.array_equal(found.answers, model.predict_proba(found.rows.to_numpy()))
    assert found.kept.thresholds["distance"]
    assert found.kept.canonical_digest


def test_a_lightgbm_text_is_a_booster_with_its_parameters_and_seed(tmp_path, python):
    rows = flights()
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "learning_rate": 0.2, "seed": 5}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows[NUMBERS], rows.late), 5)
    booster.save_model(tmp_path / "m.txt")
    found = Looked(tmp_path / "m.txt", python)
    assert (found.described.classes, found.described.names) == ((0, 1), tuple(NUMBERS))
    assert (found.described.parameters["learning_rate"], found.described.seeds["seed"]) == (0.2, "5")
    assert np.array_equal(found.answers[:, 1], booster.predict(found.rows))


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_other_boosters_files_are_read_as_what_gives_probabilities(tmp_path, python, library):
    rows = flights()
    if library == "xgboost":
        model, file = xgboost.XGBClassifier(n_estimators=5, n_jobs=1), tmp_path / "m.json"
    else:
        model = catboost.CatBoostClassifier(iterations=5, verbose=0, thread_count=1, allow_writing_files=False)
        file = tmp_path / "m.cbm"
    model.fit(rows[NUMBERS], rows.late).save_model(file)
    found = Looked(file, python)
    assert (found.given.format, found.described.names) == (library, tuple(NUMBERS))
    assert found.described.classes == (0, 1)
    assert np.allclose(found.answers, model.predict_proba(found.rows), atol=1e-12)


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_graph_is_served_as_it_answers_by_itself(tmp_path, python, zipmap):
    """Inputs as one tensor, answers as a map or a tensor: both end as ours."""
    rows = flights()
    model = LogisticRegression().fit(rows[NUMBERS].fillna(0).to_numpy(), np.where(rows.late, "late", "early"))
    graph = to_onnx(model, np.zeros((1, 3), np.float32), options={"zipmap": zipmap})
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    found = Looked(tmp_path / "m.onnx", python, full=True)
    described = found.described
    assert (described.classes, described.inputs, described.names) == (("early", "late"), 3, ())
    assert np.allclose(found.answers, model.predict_proba(found.rows.to_numpy()), atol=1e-5)
    description = package_graph(found.bundle, facts(found), tolerance=1e-6)
    served = load(Bundle(found.bundle, description), "onnx").predict(Bundle(found.bundle, description).probes())
    assert np.array_equal(served.values, found.answers)
    assert [(each.name, each.equal) for each in description.runtimes] == [("onnx", True)]


def test_a_graph_of_a_regression_has_no_classes(tmp_path, python):
    rows = flights()
    model = LinearRegression().fit(rows[NUMBERS].fillna(0).to_numpy(), rows.distance * 2)
    (tmp_path / "m.onnx").write_bytes(to_onnx(model, np.zeros((1, 3))).SerializeToString())
    found = Looked(tmp_path / "m.onnx", python, full=True)
    assert (found.described.task, found.described.classes) == ("regression", ())
    assert package_graph(found.bundle, facts(found), tolerance=1e-6).online == "onnx"


def facts(found: Looked) -> Facts:
    described = found.described
    return Facts("m", described.task, FEATURES, described.classes, "late", described.family, described.table)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("m.pkl", b"\x80\x04no pickle", "m.pkl: "),
        ("m.pkl", b"\x80\x04cnowhere_at_all\nModel\n.", "No module named 'nowhere_at_all'"),
        ("m.onnx", b"no graph", "m.onnx: "),
        ("m.pt2", b"PK\x03\x04", "No module named 'torch'"),
        ("m.json", json.dumps({"learner": {}}).encode(), "m.json: XGBoostError"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_in_the_library_s_words(tmp_path, python, name, content, told):
    (tmp_path / name).write_bytes(content)
    given = Given(tmp_path / name, format_of(tmp_path / name))
    with pytest.raises(Unloadable, match=told) as raised:
        adopting.look(given, python, tmp_path)
    named = {"m.pt2": "torch", "m.pkl": "nowhere_at_all" if b"nowhere" in content else ""}
    assert raised.value.missing == named.get(name, "")


def test_what_is_no_model_file_is_not_even_tried(tmp_path):
    (tmp_path / "m.txt").write_text("hello")
    (tmp_path / "m.pkl").touch()
    for name in ("m.txt", "m.pkl"):
        with pytest.raises(WrongUse, match="is no model file that is known"):
            format_of(tmp_path / name)
    with pytest.raises(WrongUse, match="is a folder"):
        format_of(tmp_path)
    with pytest.raises(NotFound, match="does not exist"):
        format_of(tmp_path / "m.onnx")
