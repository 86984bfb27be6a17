"""Whatever callers send, they get an answer below 500 or the end of the connection, and the worker goes on."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serving.conftest import FEATURES, ROW, Caller, Shop, predict, request

from shipworthy.serving.settings import Limits

INFER = "/v2/models/flight-delay/infer"
EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats()  # NaN and infinities too, as Python's json writes them
    | st.text(max_size=8)
    | st.sampled_from(["rows", "id", "ids", "inputs", "1e400", "2013-04-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([feature.name for feature in FEATURES])
BODIES = st.one_of(
    st.builds(lambda changed: {"rows": [{**ROW, **changed}]}, st.dictionaries(NAMES, JSON, max_size=3)),
    st.builds(lambda rows, more: {"rows": rows, **more}, st.lists(JSON, max_size=3), st.dictionaries(st.text(), JSON)),
    st.builds(
        lambda inputs, more: {"inputs": inputs, **more},
        st.lists(
            st.fixed_dictionaries(
                {
                    "name": NAMES | st.text(max_size=3),
                    "shape": st.lists(st.integers(-2, 2**65), max_size=3) | JSON,
                    "datatype": st.sampled_from(["FP64", "BYTES", "INT8", "BOOL", "FP16"]) | JSON,
                    "data": st.lists(JSON, max_size=3) | JSON,
                },
                optional={"parameters": st.dictionaries(st.sampled_from(["binary_data_size", "x"]), JSON)},
            ),
            max_size=9,
        ),
        st.dictionaries(st.sampled_from(["id", "outputs", "parameters"]), JSON),
    ),
    JSON,
)
STATUSES = {predict(ROW): 200, predict({}): 422, request("/nowhere"): 404, request("/", method="GET"): 200}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    supervisor = shop.supervisor(shop.release(1), limits=Limits(body=100_000, request=1.0))
    supervisor.start()
    before = supervisor.status().workers
    yield supervisor
    assert supervisor.status().workers == before  # the same process, never started again
    supervisor.stop()


@pytest.fixture
def said(server):
    """Statuses of the answers to some bytes, all that come before the connection ends or `count` are there."""

    def ask(*parts, count=1, end=False):
        with Caller(server.url) as caller:
            try:
                for part in parts:
                    caller.send(part)
                if end:
                    caller.socket.shutdown(socket.SHUT_WR)
                answers = []
                while len(answers) < count:
                    status, _, body = caller.answer()
                    if status == 100:
                        continue
                    answers.append(status)
                    if status != 200:
                        assert isinstance(json.loads(body)["error"], str)
            except ConnectionError:
                return answers
            return answers

    return ask


@EXAMPLES
@given(BODIES, st.sampled_from(["/predict", INFER]))
def test_any_json(said, body, path):
    assert said(request(path, json.dumps(body).encode()))[0] in (200, 400, 422)


@EXAMPLES
@given(st.binary(max_size=60) | st.builds(lambda at, byte: (at, byte), st.integers(0, 250), st.integers(0, 255)))
def test_any_bytes_for_a_body(said, change):
    """Noise, and a good body with one byte replaced: invalid UTF-8, duplicate names, cut numbers."""
    body = json.dumps({"rows": [ROW]}).encode()
    if isinstance(change, tuple):
        at = change[0] % len(body)
        body = body[:at] + bytes([change[1]]) + body[at + 1 :]
    else:
        body = change
    assert said(request("/predict", body))[0] in (200, 400, 422)
    assert said(request(INFER, body))[0] in (400, 422)


@EXAMPLES
@given(st.integers(0, 200), st.binary(max_size=80), st.integers(-1, 300))
def test_any_bytes_behind_any_length_of_json(said, size, content, announced):
    inputs = [
        {"name": name, "shape": [1], "datatype": kind, "parameters": {"binary_data_size": size // 4}}
        for name, kind in (("distance", "FP64"), ("carrier", "BYTES"))
    ]
    text = json.dumps({"inputs": inputs}).encode()
    length = len(text) if announced < 0 else announced
    assert said(request(INFER, text + content, Inference_Header_Content_Length=length))[0] in (400, 422)


@EXAMPLES
@given(st.integers(0, 400), st.binary(max_size=20))
def test_a_request_that_breaks_off_anywhere(said, at, noise):
    message = predict(ROW)[:at]
    assert all(status < 500 for status in said(message, noise, end=True))


@EXAMPLES
@given(st.lists(st.integers(1, 80), max_size=6), st.sampled_from(["plain", "chunked", "continue"]))
def test_a_good_request_in_any_pieces_and_manners(said, cuts, manner):
    body = json.dumps({"rows": [ROW]}).encode()
    message = predict(ROW)
    if manner == "continue":
        message = request("/predict", body, Expect="100-continue")
    if manner == "chunked":
        message = b"POST /predict HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
        message += b"".join(
            b"%x\r\n%b\r\n" % (len(body[i : i + 50]), body[i : i + 50]) for i in range(0, len(body), 50)
        )
        message += b"0\r\n\r\n"
    parts, place = [], 0
    for cut in cuts:
        parts.append(message[place : place + cut])
        place += cut
    assert said(*parts, message[place:]) == [200]


@EXAMPLES
@given(st.lists(st.sampled_from(sorted(STATUSES)), min_size=1))
def test_any_pipeline_is_answered_in_order(said, messages):
    assert said(b"".join(messages), count=len(messages)) == [STATUSES[message] for message in messages]


@pytest.mark.parametrize("path", ["/predict", INFER])
@pytest.mark.parametrize("body", [b"[" * 50_000, b'{"rows": [{"carrier": "\xff"}]}', b'{"rows":' * 5_000, b"1" * 9_000])
def test_what_breaks_decoders_is_refused_and_costs_no_other_caller_its_answer(said, server, path, body):
    with Caller(server.url) as other:
        other.send(predict(ROW))
        assert said(request(path, body))[0] in (400, 422)
        assert other.answer()[0] == 200


@EXAMPLES
@given(
    st.sampled_from(["POST", "GET", "BREW", "PUT", ""]),
    st.text(st.characters(codec="latin-1"), max_size=20),
    st.dictionaries(st.sampled_from(["Content-Length", "Transfer-Encoding", "Expect", "X-Deadline-Ms", "Upgrade"]),
                    st.sampled_from(["0", "-1", "99999999999999999999", "chunked", "100-continue", "h2c", "é", "nan"])),
)  # fmt: skip
def test_any_head(said, method, target, headers):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    message = f"{method} /{target} HTTP/1.1\r\nHost: here\r\n{lines}\r\n".encode("latin-1")
    assert all(status < 500 for status in said(message, end=True))
