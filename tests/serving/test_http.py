"""A server of one release, over real connections."""

import json
import re
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from tests.serving.conftest import FEATURES, ROW, Caller, Shop, expected, predict, request

from shipworthy.predictions import reader
from shipworthy.predictions.ids import parse
from shipworthy.serving.settings import Limits

V2 = "/v2/models/flight-delay"
DATATYPES = {"float": "FP64", "integer": "INT32", "boolean": "BOOL", "category": "BYTES", "timestamp": "BYTES"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def url(shop):
    limits = Limits(body=100_000, head=8_000, request=1.0, idle=60.0)
    with running(shop.supervisor(shop.release(3), limits=limits)) as url:
        yield url


@contextmanager
def running(supervisor):
    yield supervisor.start()
    supervisor.stop()


@pytest.fixture
def caller(url):
    with Caller(url) as caller:
        yield caller


def tensors(*rows):
    return [
        {
            "name": feature.name,
            "shape": [len(rows)],
            "datatype": DATATYPES[feature.type],
            "data": [row[feature.name] for row in rows],
        }
        for feature in FEATURES
    ]


def test_a_row_is_answered_with_prediction_probabilities_release_and_ids(caller, shop):
    status, said = caller.ask("/predict", {"rows": [ROW], "id": "mine"})
    assert status == 200
    assert (said["release"], said["model"], said["id"]) == (3, "flight-delay", "mine")
    (answer,) = said["predictions"]
    assert answer["prediction"] == "yes"
    assert answer["probabilities"] == pytest.approx({"no": 1 - expected(500), "yes": expected(500)})
    header, record = reader.find(shop.logs, parse(answer["id"]))
    assert (header.release, record.ids, record.columns[3].tolist()) == (3, ["mine"], ["UA"])
    assert record.values[0].tolist() == list(answer["probabilities"].values())


def test_many_rows_are_answered_in_their_order(caller, shop):
    rows = [{**ROW, "distance": distance} for distance in range(0, 5000, 100)]
    _, said = caller.ask("/predict", {"rows": rows, "ids": [str(row["distance"]) for row in rows]})
    late = [answer["probabilities"]["yes"] for answer in said["predictions"]]
    np.testing.assert_allclose(late, [expected(row["distance"]) for row in rows])
    id_ = parse(said["predictions"][7]["id"])
    assert reader.find(shop.logs, id_)[1].ids[id_.row] == "700"


def test_requests_that_arrive_together_get_their_own_answers_in_order(caller):
    caller.send(b"".join(predict({**ROW, "distance": n}, id=str(n)) for n in range(50)))
    for n in range(50):
        status, _, body = caller.answer()
        said = json.loads(body)
        assert (status, said["id"]) == (200, str(n))
        assert said["predictions"][0]["probabilities"]["yes"] == pytest.approx(expected(n))


def test_a_caller_that_reads_late_gets_everything_in_order(caller):
    """More than the sockets' buffers hold: the server stops reading until its answers are taken."""
    count = 20_000
    sending = threading.Thread(
        target=caller.send, args=(b"".join(predict({**ROW, "distance": n % 6000}, id=str(n)) for n in range(count)),)
    )
    sending.start()
    time.sleep(0.3)
    for n in range(count):
        status, _, body = caller.answer()
        assert (status, json.loads(body)["id"]) == (200, str(n))
    sending.join()


def test_an_idle_connection_is_closed_in_the_end(shop):
    supervisor = shop.supervisor(shop.release(9), limits=Limits(idle=0.1), work=shop.folder / "idle")
    with running(supervisor) as url, Caller(url) as idle:
        assert idle.ask("/predict", {"rows": [ROW]})[0] == 200
        assert idle.closed()


def test_pages_problems_and_predictions_keep_their_order_on_a_connection(caller):
    caller.send(
        predict(ROW) + request("/v2/health/live", method="GET") + predict({}) + request("/nowhere") + predict(ROW)
    )
    assert [caller.answer()[0] for _ in range(5)] == [200, 200, 422, 404, 200]


def test_a_request_may_come_byte_by_byte(caller):
    for place in range(len(message := predict(ROW))):
        caller.send(message[place : place + 1])
    assert caller.answer()[0] == 200


def test_a_body_may_come_in_chunks(caller):
    body = json.dumps({"rows": [ROW]}).encode()
    caller.send(b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
    for part in (body[:10], body[10:]):
        caller.send(b"%x\r\n%b\r\n" % (len(part), part))
    caller.send(b"0\r\n\r\n")
    assert caller.answer()[0] == 200


def test_a_caller_that_waits_for_continue_is_told_to(caller):
    head, _, body = predict(ROW).partition(b"\r\n\r\n")
    caller.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
    assert caller.answer()[0] == 100
    caller.send(body)
    assert caller.answer()[0] == 200


def test_an_offer_of_http2_is_passed_over(caller):
    caller.send(request("/v2/health/live", method="GET", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c"))
    assert caller.answer()[0] == 200
    assert caller.ask("/predict", {"rows": [ROW]})[0] == 200


def test_violations_are_422_with_every_one(caller):
    status, said = caller.ask("/predict", {"rows": [ROW, {**ROW, "distance": -1, "carrier": "ZZ"}]})
    assert status == 422
    assert said["violations"] == [
        {"row": 1, "field": "distance", "value": -1, "expected": "a number from 0 to 6000 (miles)"},
        {"row": 1, "field": "carrier", "value": "ZZ", "expected": "one of AA, B6, UA"},
    ]
    assert said["error"].startswith("row 1: distance = -1: expected a number from 0 to 6000")


def test_refused_and_flagged_values_stand_in_the_log(caller, shop):
    caller.ask("/predict", {"rows": [{**ROW, "stops": 9}]})
    _, said = caller.ask("/predict", {"rows": [{**ROW, "gusts": 900}]})
    record = reader.find(shop.logs, parse(said["predictions"][0]["id"]))[1]
    assert record.flags == ((0, "gusts"),)
    path = shop.logs / parse(said["predictions"][0]["id"]).source / "00000000.log"
    refused = [record.refused for record in reader.read(path) if not record.rows]
    assert {"stops": 1} in refused


@pytest.mark.parametrize(
    ("path", "method", "body", "status"),
    [
        ("/nowhere", "GET", b"", 404),
        ("/v2/models/other/infer", "POST", b"{}", 404),
        (f"{V2}/versions/4/infer", "POST", b"{}", 404),
        ("/predict", "GET", b"", 405),
        ("/predict", "PUT", b"{}", 405),
        ("/metrics", "POST", b"", 405),
        (f"{V2}/infer", "GET", b"", 405),
        ("/predict", "POST", b"{", 400),
        ("/predict", "POST", b'{"rows": [NaN]}', 400),
    ],
)
def test_what_cannot_be_answered_has_a_status_and_an_error(caller, path, method, body, status):
    said_status, said = caller.ask(path, body, method)
    assert said_status == status
    assert isinstance(said["error"], str)
    assert caller.ask("/predict", {"rows": [ROW]})[0] == 200  # the connection goes on


def test_405_names_what_is_allowed(caller):
    caller.send(request("/predict", method="DELETE"))
    assert caller.answer()[1]["allow"] == "post"


@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body_is_refused_before_it_is_read(caller, announced):
    if announced:
        caller.send(b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999\r\n\r\n")
    else:
        caller.send(b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
        caller.send(b"1d4c0\r\n" + b" " * 120_000)
    status, headers, body = caller.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert "100000 bytes" in json.loads(body)["error"]


def test_an_endless_head_is_refused(caller):
    caller.send(b"GET / HTTP/1.1\r\nHost: here\r\n")
    for _ in range(12):
        caller.send(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        time.sleep(0.005)  # apart, as an endless head would come
    assert caller.answer()[0] == 431


@pytest.mark.parametrize("noise", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_is_400_after_the_answers_before_it(caller, noise):
    caller.send(predict(ROW) + noise)
    assert caller.answer()[0] == 200
    status, headers, _ = caller.answer()
    assert (status, headers["connection"]) == (400, "close")
    assert caller.closed()


def test_a_caller_that_sends_too_slowly_is_told_so(caller):
    caller.send(predict(ROW)[:-10])
    assert caller.answer()[0] == 408
    assert caller.closed()


def test_connection_close_is_honoured(caller):
    caller.send(request("/", method="GET", Connection="close"))
    assert caller.answer()[1]["connection"] == "close"
    assert caller.closed()


def test_http_1_0_is_answered_and_closed(caller):
    caller.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n")
    assert caller.answer()[1]["connection"] == "close"
    assert caller.closed()


def test_a_caller_that_stops_sending_still_gets_its_answers(caller):
    caller.send(predict(ROW))
    caller.socket.shutdown(1)
    assert caller.answer()[0] == 200
    assert caller.closed()


def test_head_has_no_body(caller):
    caller.send(request("/openapi.json", method="HEAD") + request("/", method="GET"))
    head = caller.socket.recv(65536)
    assert head.index(b"HTTP/1.1 200 OK", 1) == head.index(b"\r\n\r\n") + 4  # the next answer follows at once


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Content_Encoding", "gzip", 415),
        ("Expect", "the-impossible", 417),
        ("Inference_Header_Content_Length", "9", 400),
        ("Inference_Header_Content_Length", "-1", 400),
    ],
)
def test_what_is_not_offered_is_said_to_be(caller, name, value, status):
    assert caller.ask("/predict", {"rows": [ROW]}, **{name: value})[0] == status


def test_tensors_are_answered_as_the_open_inference_protocol_has_it(caller):
    status, said = caller.ask(f"{V2}/infer", {"id": "7", "inputs": tensors(ROW, {**ROW, "distance": 6000})})
    assert status == 200
    assert (said["model_name"], said["model_version"], said["id"]) == ("flight-delay", "3", "7")
    outputs = {output["name"]: output for output in said["outputs"]}
    assert outputs["prediction"]["data"] == ["yes", "yes"]
    assert (outputs["probabilities"]["datatype"], outputs["probabilities"]["shape"]) == ("FP64", [2, 2])
    late = expected(np.array([500, 6000]))
    np.testing.assert_allclose(outputs["probabilities"]["data"], np.stack([1 - late, late], 1).ravel())
    assert len(set(outputs["prediction_id"]["data"])) == 2


def test_nested_tensors_a_version_and_chosen_outputs(caller):
    inputs = [{**one, "shape": [1, 1], "data": [one["data"]]} for one in tensors(ROW)]
    _, said = caller.ask(f"{V2}/versions/3/infer", {"inputs": inputs, "outputs": [{"name": "prediction"}]})
    assert [output["name"] for output in said["outputs"]] == ["prediction"]
    assert "id" not in said


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"shape": [3]}, "3"),
        ({"shape": [1, 2]}, r"\[n\]"),
        ({"datatype": "FP128"}, "enum"),
        ({"datatype": "BYTES"}, "expected FP16 or"),
        ({"data": [-5]}, "distance = -5"),
        ({"data": [[1, 2]]}, "one value a row"),
        ({"name": "distanse"}, "did you mean distance"),
        ({"name": "stops"}, "twice"),
    ],
)
def test_wrong_tensors_are_4xx_with_an_error_text_alone(caller, change, says):
    first, *others = tensors(ROW)
    status, said = caller.ask(f"{V2}/infer", {"inputs": [{**first, **change}, *others]})
    assert status == 422
    assert list(said) == ["error"]
    assert re.search(says, said["error"])


def test_an_output_that_is_not_there_is_refused(caller):
    status, said = caller.ask(f"{V2}/infer", {"inputs": tensors(ROW), "outputs": [{"name": "logits"}]})
    assert (status, "logits" in said["error"]) == (422, True)


def test_health_and_metadata(caller):
    assert caller.ask("/v2/health/live") == (200, {"live": True})
    assert caller.ask("/v2/health/ready") == (200, {"ready": True})
    assert caller.ask(f"{V2}/ready") == (200, {"name": "flight-delay", "ready": True})
    assert caller.ask("/v2")[1].keys() == {"name", "version", "extensions"}
    _, said = caller.ask(V2)
    assert (said["name"], said["versions"]) == ("flight-delay", ["3"])
    assert {put["name"] for put in said["inputs"]} == set(ROW)
    assert [(put["name"], put["shape"]) for put in said["outputs"]][1] == ("probabilities", [-1, 2])


def test_openapi_describes_the_contracts_features(caller):
    _, said = caller.ask("/openapi.json?pretty")
    row = said["components"]["schemas"]["Row"]
    assert row["properties"]["distance"] == {
        "type": "number",
        "minimum": 0,
        "maximum": 6000,
        "description": "a number from 0 to 6000 (miles)",
    }
    assert row["properties"]["carrier"]["enum"] == ["AA", "B6", "UA"]
    assert "wind" not in row["required"]


def test_the_start_page_says_what_there_is(caller):
    _, said = caller.ask("/")
    for line in said["paths"].values():
        method, path = line.split()
        caller.send(request(path, b"{}" if method == "POST" else b"", method))
        assert caller.answer()[0] in (200, 422)


def test_a_head_that_was_seen_before_reads_as_it_did_the_first_time(caller):
    """Heads are known again by their bytes: with another body, cut in two, after others, and with a longer body."""
    first, second = predict({**ROW, "distance": 111}), predict({**ROW, "distance": 222})
    head, _, body = second.partition(b"\r\n\r\n")
    for parts, count in (
        ([first], 1),
        ([second], 1),
        ([second[:-7], second[-7:]], 1),
        ([head[:9], second[9:]], 1),
        ([first + second + first[:30], first[30:]], 3),
        ([head + b"\r\n\r\n", body], 1),
        ([second], 1),
    ):
        for part in parts:
            caller.send(part)
            time.sleep(0.01)
        for _ in range(count):
            status, _, said = caller.answer()
            assert status == 200
        distance = 111 if (len(parts) == 2 and count == 3) or parts == [first] else 222
        assert json.loads(said)["predictions"][0]["probabilities"]["yes"] == pytest.approx(expected(distance))
