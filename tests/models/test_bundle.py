"""A bundle's description, what its answers mean, and the stand-in."""

import time

import msgspec
import numpy as np
import pytest

from shipworthy.contract.records import Contract, Feature, Model, Purpose
from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.answers import confidence, prediction, score
from shipworthy.models.bundle import DESCRIPTION, Bundle, read_description, write_description
from shipworthy.models.runtimes import load
from shipworthy.models.runtimes.stand_in import stand_in_bundle


def _contract(task="classification"):
    return Contract(
        model=Model(name="toy", task=task, train="toy:train"),
        purpose=Purpose(decision="none", owner="nobody@example.com"),
        features=(Feature(name="x", type="float"), Feature(name="carrier", type="category", values=("AA", "UA"))),
    )


def test_a_description_is_read_as_it_was_written(tmp_path):
    """Classes keep their types: 1 is neither True nor "1"."""
    description = stand_in_bundle(_contract(), tmp_path).description
    changed = msgspec.structs.replace(description, classes=(1, "1", 2.5))
    write_description(tmp_path, changed)
    assert read_description(tmp_path) == changed
    assert [type(name) for name in read_description(tmp_path).classes] == [int, str, float]
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_newer_format_is_refused_before_it_is_misread(tmp_path):
    """Even where the rest of it could not be understood."""
    (tmp_path / DESCRIPTION).write_text('{"version": 2, "all": "else is new"}')
    with pytest.raises(WrongUse, match=r"format 2, this shipworthy reads format 1"):
        Bundle.open(tmp_path)
    (tmp_path / DESCRIPTION).write_text('{"version": 1}')
    with pytest.raises(WrongUse, match="not a bundle's description"):
        Bundle.open(tmp_path)
    with pytest.raises(NotFound, match="is not a bundle"):
        Bundle.open(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["onnx", "lightgbm", "xgboost", "catboost", "python"])
def test_a_runtime_that_the_bundle_lacks_is_not_found(tmp_path, name):
    """Naming the file."""
    with pytest.raises(NotFound, match="has no "):
        load(stand_in_bundle(_contract(), tmp_path), name)


def test_a_stand_in_answers_from_the_contract_alone(tmp_path):
    """Probabilities of two classes, or one prediction, for any number of rows, at the cost asked for."""
    rows = [np.zeros(3), np.array(["AA", "UA", None], dtype=object)]
    bundle = stand_in_bundle(_contract(), tmp_path / "classes", microseconds=2000)
    runtime = load(Bundle.open(tmp_path / "classes"), bundle.description.online)
    start = time.perf_counter_ns()
    assert runtime.predict(rows).values.tolist() == [[0.5, 0.5]] * 3
    assert time.perf_counter_ns() - start >= 2_000_000
    stand_in_bundle(_contract("regression"), tmp_path / "number")
    assert load(Bundle.open(tmp_path / "number"), "stand-in").predict(rows).values.tolist() == [[0.0]] * 3


def test_what_answers_mean(tmp_path):
    """Two classes: the second's probability; more: the likeliest's; a regression: the prediction itself."""
    two = stand_in_bundle(_contract(), tmp_path).description
    several = msgspec.structs.replace(two, classes=("a", "b", "c"))
    number = msgspec.structs.replace(two, classes=(), task="regression")
    values = np.array([[0.2, 0.7, 0.1], [0.4, 0.4, 0.2]])
    assert prediction(values, several.classes).tolist() == ["b", "a"]
    assert score(values, several).tolist() == [0.7, 0.4]
    assert score(np.array([[0.9, 0.1]]), two).tolist() == [0.1]
    assert confidence(np.array([[0.9, 0.1]]), two).tolist() == [0.9]
    assert prediction(np.array([[3.5]]), ()).tolist() == [3.5]
    assert score(np.array([[3.5]]), number).tolist() == [3.5]
    assert confidence(np.array([[3.5]]), number) is None
