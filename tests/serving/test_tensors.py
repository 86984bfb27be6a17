"""Tensors as bytes behind the JSON that describes them, as tritonclient sends and reads them."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import FEATURES, ROW, Caller, Shop, expected, request

from shipworthy.serving.problems import Problem
from shipworthy.serving.tensors import DTYPES, packed, unpacked

INFER = "/v2/models/flight-delay/infer"
DATATYPES = {"float": "FP32", "integer": "INT16", "boolean": "BOOL", "category": "BYTES", "timestamp": "INT64"}


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    supervisor = shop.supervisor(shop.release(3))
    with Caller(supervisor.start()) as caller:
        yield caller
    supervisor.stop()


def infer(rows, *, change=None, outputs=None, behind=b"", **parameters):
    """The bytes of a request with all tensors in binary."""
    inputs, content = [], []
    for feature in FEATURES:
        datatype = DATATYPES[feature.type]
        values = [row[feature.name] for row in rows]
        if feature.type == "timestamp":
            values = [0 for _ in values]
        content.append(packed(datatype, [np.nan if value is None else value for value in values]))
        sizes = {"binary_data_size": len(content[-1])}
        inputs.append({"name": feature.name, "shape": [len(rows), 1], "datatype": datatype, "parameters": sizes})
    for name, changed in (change or {}).items():
        next(one for one in inputs if one["name"] == name).update(changed)
    asked = {"id": "7", "inputs": inputs, "parameters": parameters, **({"outputs": outputs} if outputs else {})}
    text = json.dumps(asked).encode()
    return request(INFER, text + b"".join(content) + behind, Inference_Header_Content_Length=len(text))


def answer(caller):
    """Status, and the JSON with each binary output's values put where JSON would have them."""
    status, headers, body = caller.answer()
    length = int(headers.get("inference-header-content-length", len(body)))
    said, place = json.loads(body[:length]), length
    for output in said.get("outputs", []):
        if "parameters" in output:
            size = output["parameters"]["binary_data_size"]
            output["data"] = unpacked(output["name"], output["datatype"], memoryview(body)[place : place + size])
            place += size
    assert place == len(body)
    return status, said


@pytest.mark.parametrize("binary", [True, False])
def test_tensors_go_in_and_come_out_as_bytes(caller, binary):
    rows = [ROW, {**ROW, "distance": 6000, "carrier": "AA"}, {**ROW, "wind": 3.5}]
    caller.send(infer(rows, binary_data_output=binary))
    status, said = answer(caller)
    assert (status, said["id"], said["model_version"]) == (200, "7", "3")
    outputs = {output["name"]: output["data"] for output in said["outputs"]}
    late = expected(np.array([500, 6000, 500]))
    np.testing.assert_allclose(outputs["probabilities"], np.stack([1 - late, late], 1).ravel())
    assert outputs["prediction"] == ["yes"] * 3
    assert len(set(outputs["prediction_id"])) == 3


def test_each_output_says_how_it_is_wanted(caller):
    wanted = [
        {"name": "prediction", "parameters": {"binary_data": False}},
        {"name": "probabilities", "parameters": {"binary_data": True}},
    ]
    caller.send(infer([ROW], outputs=wanted))
    said = answer(caller)[1]
    assert [("parameters" in output) for output in said["outputs"]] == [False, True]


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"distance": {"parameters": {"binary_data_size": 3}}}, 400, "whole number"),
        ({"distance": {"parameters": {"binary_data_size": 10**9}}}, 400, "should have"),
        ({"distance": {"parameters": {"binary_data_size": -1}}}, 422, "number of bytes"),
        ({"distance": {"parameters": {"binary_data_size": "4"}}}, 422, "number of bytes"),
        ({"distance": {"parameters": {}}}, 400, ""),
        ({"distance": {"data": [1.0]}}, 422, "one of them"),
        ({"distance": {"shape": [2]}}, 422, "shape"),
        ({"distance": {"datatype": "INT32"}, "stops": {"datatype": "FP16"}}, 422, "datatype"),
    ],
)
def test_bytes_that_do_not_fit_their_description_are_refused(caller, changed, status, says):
    caller.send(infer([ROW], change=changed))
    found, said = answer(caller)
    assert (found, list(said)) == (status, ["error"])
    assert says in said["error"]


def test_bytes_of_nobody_are_refused(caller):
    caller.send(infer([ROW], behind=b"left"))
    assert answer(caller)[0] == 400


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_only_bytes_can_hold_is_checked_all_the_same(caller, value):
    caller.send(infer([{**ROW, "distance": value}]))
    assert answer(caller)[0] == 422
    caller.send(infer([{**ROW, "wind": value}]))
    assert answer(caller)[0] == (200 if np.isnan(value) else 422)  # NaN is null, and wind may be


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_come_back(texts):
    assert unpacked("x", "BYTES", memoryview(packed("BYTES", texts))) == texts


@given(st.sampled_from([*DTYPES, "BYTES"]), st.binary(max_size=40))
def test_any_bytes_are_values_or_a_problem(datatype, content):
    with suppress(Problem):
        values = unpacked("x", datatype, memoryview(content))
        assert datatype == "BYTES" or len(values) * np.dtype(DTYPES[datatype]).itemsize == len(content)
