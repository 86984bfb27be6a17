"""From a trained model to a described bundle, through a real conversion in a process of its own."""

import importlib
import sys
from importlib.metadata import version
from pathlib import Path

import catboost
import lightgbm
import msgspec
import numpy as np
import onnx
import pytest
import xgboost
from onnx import numpy_helper
from packaging.requirements import Requirement
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from tests.models.conftest import CATEGORIES, FEATURES, NUMBERS, delay, flights, probes

from shipworthy.errors import Undecided
from shipworthy.models.bundle import Bundle
from shipworthy.models.converting import convert, requirements
from shipworthy.models.inside.convention import CONVERTED, EXACT, Unsupported
from shipworthy.models.inside.estimators import answers, inputs
from shipworthy.models.inside.graph import Graph
from shipworthy.models.packaging import package, package_graph
from shipworthy.models.runtimes import FILES, load

NUMERIC = [feature for feature in FEATURES if feature.name in NUMBERS]
FULL = [feature for feature in NUMERIC if not feature.nullable]


def _verdict(description, name):
    return next(verdict for verdict in description.runtimes if verdict.name == name)


def _boosting(**more):
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
    columns = make_column_transformer((encoder, CATEGORIES), remainder="passthrough")
    return make_pipeline(columns, HistGradientBoostingClassifier(max_iter=20, **more))


def test_a_model_is_packaged_as_the_fastest_runtime_that_is_equal(trained):
    """Equal to the last bits on new rows, nulls, unseen categories and both sides of split points."""
    rows = flights(0)
    model = _boosting().fit(rows, delay(rows, 0) > 1)
    nodes = np.concatenate([tree.nodes for trees in model[-1]._predictors for tree in trees])
    inner = nodes[(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 2)]
    description = trained.package(model, splits={"distance": inner["num_threshold"].tolist()})
    onnx, python = _verdict(description, "onnx"), _verdict(description, "python")
    assert onnx.equal, onnx.reason
    assert onnx.probes > 320
    assert onnx.largest_difference < 1e-14
    assert onnx.microseconds_one < python.microseconds_one
    assert (description.online, description.batch) == ("onnx", "onnx")
    assert description.classes == (False, True)
    assert Bundle.open(trained.folder).description == description


def test_a_converter_that_is_silently_wrong_ends_with_the_own_call(trained):
    """skl2onnx drops the category sets of HistGradientBoosting and says nothing; the probes do, and the file goes."""
    rows = flights(0)
    model = _boosting(categorical_features=[0, 1]).fit(rows, delay(rows, 0) > 1)
    facts = trained.save(model, FEATURES)
    description = package(trained.folder, facts, tolerance=1e-5, python=Path(sys.executable), how=(CONVERTED,))
    verdict = _verdict(description, "onnx")
    assert not verdict.equal
    assert verdict.largest_difference > 0.1
    assert "probes differ by more than 1e-05" in verdict.reason
    assert not (trained.folder / FILES["onnx"]).exists()
    assert (description.online, description.batch) == ("python", "python")
    own = load(Bundle.open(trained.folder), "python")
    bundle = Bundle.open(trained.folder)
    assert np.array_equal(own.predict(bundle.probes()).values, bundle.probe_answers())


def test_category_sets_are_equal_in_a_graph_of_our_own(trained):
    """The same model, written by us."""
    rows = flights(0)
    description = trained.package(_boosting(categorical_features=[0, 1]).fit(rows, delay(rows, 0) > 1))
    assert _verdict(description, "onnx").largest_difference < 1e-14
    assert description.online == "onnx"


def test_what_we_cannot_write_is_converted_and_compared(trained):
    """skl2onnx's answers in single precision are equal within the contract's tolerance here."""
    rows = flights(0)[[feature.name for feature in FULL]]
    model = make_pipeline(StandardScaler(), GaussianNB()).fit(rows, delay(flights(0), 0) > 1)
    verdict = _verdict(trained.package(model, FULL, tolerance=1e-4), "onnx")
    assert verdict.equal, verdict.reason
    assert 0 < verdict.largest_difference < 1e-4


@pytest.mark.parametrize(
    ("library", "model", "exact"),
    [
        ("lightgbm", lightgbm.LGBMClassifier(n_estimators=10, verbose=-1, n_jobs=1), 1e-14),
        ("xgboost", xgboost.XGBClassifier(n_estimators=10, n_jobs=1), 1e-6),
        ("catboost", catboost.CatBoostClassifier(iterations=10, verbose=0, allow_writing_files=False), 1e-14),
    ],
)
def test_a_booster_of_numbers_has_its_own_file_too(trained, library, model, exact):
    """The library's own call on its own file, as one more runtime that is compared."""
    rows = flights(0)
    description = trained.package(model.fit(rows[NUMBERS], delay(rows, 0) > 1), NUMERIC, tolerance=exact)
    verdicts = {verdict.name: verdict for verdict in description.runtimes}
    assert {name: verdict.reason for name, verdict in verdicts.items()} == {"onnx": "", library: "", "python": ""}
    assert verdicts[library].largest_difference < exact
    bundle = Bundle.open(trained.folder)
    assert np.allclose(load(bundle, library).predict(bundle.probes()).values, bundle.probe_answers(), atol=exact)


def _words(rows, feature):
    return tuple(sorted(rows[feature.name].dropna().unique())) if feature.type == "category" else None


def _over_texts(kind):
    """A booster that takes words by itself, its features, and rows with words that it has never seen."""
    rows, late = flights(0).fillna({"origin": "nowhere"}), delay(flights(0), 0) > 1
    features = [msgspec.structs.replace(feature, values=_words(rows, feature)) for feature in FEATURES]
    asked = probes({}).fillna({"origin": "nowhere"})
    if kind == "catboost":
        model = catboost.CatBoostClassifier(
            iterations=20, cat_features=CATEGORIES, verbose=0, allow_writing_files=False
        )
        return model.fit(rows, late), features, asked
    model = xgboost.XGBClassifier(n_estimators=10, enable_categorical=True, n_jobs=1)
    return model.fit(rows.astype(dict.fromkeys(CATEGORIES, "category")), late), features, asked


def test_trees_over_texts_need_no_environment(trained):
    """CatBoost with its words: in a graph of our own and by its own call, both equal on unseen words."""
    model, features, asked = _over_texts("catboost")
    facts = trained.save(model, features, frame=asked)
    description = package(trained.folder, facts, tolerance=1e-12, python=Path(sys.executable))
    assert {verdict.name: verdict.reason for verdict in description.runtimes} == {
        "onnx": "",
        "catboost": "",
        "python": "",
    }
    assert "python" not in (description.online, description.batch)


@pytest.mark.parametrize("kind", ["catboost", "xgboost"])
def test_a_graph_that_numbers_words_in_another_order_is_never_served(trained, kind):
    """As converters do that go by the order of a frame: every answer looks like one, and the probes are not fooled."""
    model, features, asked = _over_texts(kind)
    facts = trained.save(model, features, frame=asked)
    file = trained.folder / FILES["onnx"]
    file.parent.mkdir(parents=True)
    graph = Graph([{"name": each.name, "type": each.type, "values": each.values} for each in features])
    file.write_bytes(graph.finish(answers(graph, model, inputs(graph, model))))
    assert package_graph(trained.folder, facts, tolerance=1e-5).online == "onnx"
    wrong = onnx.load(file)
    for node in wrong.graph.node:
        for attribute in node.attribute:
            if node.op_type == "LabelEncoder" and attribute.name == "values_tensor":
                turned = numpy_helper.to_array(attribute.t)[::-1].copy()
                attribute.t.CopyFrom(numpy_helper.from_array(turned))
    onnx.save(wrong, file)
    with pytest.raises(Undecided, match="probes differ by more than 1e-05"):
        package_graph(trained.folder, facts, tolerance=1e-5)
    assert not file.exists()


def test_words_that_nobody_told_of_are_never_taken_for_unseen_ones():
    """A graph that knew fewer words than the model would be wrong on those alone, where no probe is."""
    model, features, _ = _over_texts("catboost")
    graph = Graph([{"name": each.name, "type": each.type, "values": (each.values or ())[:-1]} for each in features])
    with pytest.raises(Unsupported, match="CatBoost knows words of carrier that neither"):
        answers(graph, model, inputs(graph, model))


def test_what_is_asked_for_is_what_is_tested_here():
    """The converters' bounds hold for the versions that these tests ran with."""
    wanted = [Requirement(line) for line in requirements()]
    assert {requirement.name for requirement in wanted} >= {"onnx", "skl2onnx", "protobuf"}
    assert [name for name in wanted if not name.specifier.contains(version(name.name))] == []
    assert "skl2onnx" not in " ".join(requirements((EXACT,)))
    assert "onnxscript" in " ".join(requirements((EXACT,), {"torch"}))


RULE = """
import numpy

class Rule:
    classes_ = numpy.array(["early", "late"])

    def predict_proba(self, rows):
        late = (rows["hour"] > 12).to_numpy(dtype=float)
        return numpy.column_stack([1 - late, late])
"""


def test_a_model_of_the_project_s_own_keeps_its_own_call(trained, monkeypatch):
    """Its module lies beside it; the reasons of both ways to ONNX are kept."""
    code = trained.folder / "code"
    code.mkdir(parents=True)
    (code / "own_rule.py").write_text(RULE)
    monkeypatch.syspath_prepend(code)
    description = trained.package(importlib.import_module("own_rule").Rule())
    reason = _verdict(description, "onnx").reason
    assert "exact: own_rule.Rule is not known" in reason
    assert "skl2onnx: " in reason
    assert [verdict.name for verdict in description.runtimes] == ["onnx", "python"]
    assert description.online == "python"
    assert description.classes == ("early", "late")
    bundle = Bundle.open(trained.folder)
    assert np.array_equal(load(bundle, "python").predict(bundle.probes()).values, bundle.probe_answers())


def test_without_an_environment_the_own_call_serves_and_the_reason_is_kept(trained):
    """As where the converters do not go together with the lock."""
    rows = flights(0)[[feature.name for feature in FULL]]
    facts = trained.save(LogisticRegression().fit(rows, delay(flights(0), 0) > 1), FULL)
    description = package(trained.folder, facts, tolerance=1e-5, python=None, reason="onnx does not go with numpy 1.20")
    assert description.online == "python"
    assert _verdict(description, "onnx").reason == "onnx does not go with numpy 1.20"


def test_a_conversion_that_dies_is_a_reason(trained):
    """A Python that is none, a file that is no model: said, not raised."""
    rows = flights(0)[[feature.name for feature in FULL]]
    facts = trained.save(LogisticRegression().fit(rows, delay(flights(0), 0) > 1), FULL)
    assert "could not be started" in convert(trained.folder, facts, trained.folder / "python").onnx.reason
    (trained.folder / "model.pkl").write_bytes(b"no model")
    reason = _verdict(package(trained.folder, facts, tolerance=1e-5, python=Path(sys.executable)), "onnx").reason
    assert reason.startswith("the model cannot be loaded: UnpicklingError")
