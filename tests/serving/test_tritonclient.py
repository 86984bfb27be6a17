"""Held against the client that most callers of the Open Inference Protocol use."""

import numpy as np
import pytest
from tests.serving.conftest import FEATURES, ROW, Shop, expected
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

KINDS = {
    "float": ("FP32", np.float32),
    "integer": ("INT64", np.int64),
    "boolean": ("BOOL", bool),
    "category": ("BYTES", object),
    "timestamp": ("BYTES", object),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    supervisor = shop.supervisor(shop.release(3))
    with triton.InferenceServerClient(supervisor.start().removeprefix("http://")) as client:
        yield client
    supervisor.stop()


def inputs(rows, *, binary):
    found = []
    for feature in FEATURES:
        datatype, dtype = KINDS[feature.type]
        values = [2.0 if row[feature.name] is None else row[feature.name] for row in rows]
        tensor = triton.InferInput(feature.name, [len(rows), 1], datatype)
        tensor.set_data_from_numpy(np.array(values, dtype).reshape(-1, 1), binary_data=binary)
        found.append(tensor)
    return found


def test_it_finds_the_server_and_the_model(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("flight-delay", "3")
    assert not client.is_model_ready("other")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert {put["name"] for put in client.get_model_metadata("flight-delay", "3")["inputs"]} == set(ROW)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("chosen", [True, False])
def test_it_gets_its_predictions(client, binary, chosen):
    outputs = [
        triton.InferRequestedOutput("probabilities", binary_data=binary),
        triton.InferRequestedOutput("prediction", binary_data=not binary),
    ]
    asked = inputs([ROW, {**ROW, "distance": 6000}], binary=binary)
    said = client.infer("flight-delay", asked, outputs=outputs if chosen else None, request_id="7", timeout=10_000_000)
    late = expected(np.array([500, 6000]))
    np.testing.assert_allclose(said.as_numpy("probabilities"), np.stack([1 - late, late], axis=1))
    words = [word.decode() if isinstance(word, bytes) else word for word in said.as_numpy("prediction")]
    assert words == ["yes", "yes"]
    assert said.get_response()["id"] == "7"


def test_it_is_told_what_is_wrong(client):
    with pytest.raises(InferenceServerException, match="distance = -5") as caught:
        client.infer("flight-delay", inputs([{**ROW, "distance": -5}], binary=True))
    assert caught.value.status() == "422"
    with pytest.raises(InferenceServerException, match="model flight-delay, version 3"):
        client.infer("other", inputs([ROW], binary=True))
    with pytest.raises(InferenceServerException, match="no answer is possible"):
        client.infer("flight-delay", inputs([ROW], binary=True), timeout=1)
