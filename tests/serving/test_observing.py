"""An access log and spans of every request, where somebody wants them."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.serving.conftest import ROW, Caller, Shop, predict, request

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-00"  # not sampled


class Collector:
    """Takes spans, as an OpenTelemetry collector does."""

    def __init__(self):
        self.requests = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def spans(self):
        return [
            (dict(resources(given)), span)
            for asked in self.requests
            for given in asked.resource_spans
            for scope in given.scope_spans
            for span in scope.spans
        ]


def resources(given):
    return [(one.key, one.value.string_value) for one in given.resource.attributes]


@contextmanager
def running(supervisor):
    yield supervisor.start()
    supervisor.stop()


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_a_request_in_their_order_and_a_moved_file_is_made_anew(shop):
    path = shop.folder / "access.log"
    with running(shop.supervisor(shop.release(3), access_log=path)) as url, Caller(url) as caller:
        caller.send(
            predict(ROW)
            + request("/nowhere?a=1", method="GET")
            + request("/predict", b"{", traceparent=PARENT)
            + b"nonsense\r\n\r\n"
        )
        statuses = [caller.answer()[0] for _ in range(4)]
        while len(lines(path)) < len(statuses):  # written once the answers are
            time.sleep(0.01)
        path.rename(shop.folder / "access.1")
        found = lines(shop.folder / "access.1")
        with Caller(url) as later:
            while not path.exists():
                later.ask("/v2/health/live")
    assert statuses == [one["status"] for one in found] == [200, 404, 400, 400]
    assert [one["path"] for one in found][:3] == ["/predict", "/nowhere?a=1", "/predict"]
    first = found[0]
    assert (first["method"], first["model"], first["release"]) == ("POST", "flight-delay", 3)
    assert first["received"] == len(predict(ROW).partition(b"\r\n\r\n")[2])
    assert (first["ms"] > 0, first["sent"] > 0, first["time"][:2]) == (True, True, "20")
    assert [one.get("traceparent") for one in found] == [None, None, PARENT, None]
    assert "/v2/health/live" in {one["path"] for one in lines(path)}


def test_an_access_log_that_cannot_be_written_costs_lines_and_no_answer(shop):
    with running(shop.supervisor(shop.release(3), access_log="/dev/full")) as url, Caller(url) as caller:
        assert caller.ask("/predict", {"rows": [ROW]})[0] == 200
    assert "its lines are lost" in shop.output()


def test_a_span_a_request_that_belongs_to_its_callers(shop, monkeypatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "flights")
        with running(shop.supervisor(shop.release(3), traces=True)) as url, Caller(url) as caller:
            body = json.dumps({"rows": [ROW]}).encode()
            for parent in (PARENT, OTHER, PARENT):
                assert caller.ask("/predict", body, traceparent=parent)[0] == 200
            caller.ask("/predict", b"{")
            caller.ask("/nowhere")
        found = {span.name: (resource, span) for resource, span in collector.spans}
        names = sorted(span.name for _, span in collector.spans)
    assert names == ["GET", "POST /predict", "POST /predict", "POST /predict"]  # one was not to be sampled
    resource, _ = found["POST /predict"]
    assert resource["service.name"] == "flights"
    ours = [span for _, span in collector.spans if span.trace_id.hex() == PARENT.split("-")[1]]
    assert len(ours) == 2
    for span in ours:
        said = {one.key: one.value for one in span.attributes}
        assert span.parent_span_id.hex() == PARENT.split("-")[2]
        assert (said["http.response.status_code"].int_value, said["shipworthy.release"].int_value) == (200, 3)
        assert said["shipworthy.model"].string_value == "flight-delay"
        assert span.end_time_unix_nano > span.start_time_unix_nano > 1.7e18


def test_with_many_models_each_line_names_its_own_also_where_it_had_to_wait(shop):
    path = shop.folder / "access.log"
    hosting = shop.hosting(shop.release(1, model="north"), shop.release(2, model="south"))
    with running(shop.supervisor(hosting, many=True, access_log=path)) as url, Caller(url) as caller:
        body = json.dumps({"rows": [ROW]}).encode()
        models = ["south", "north", "south", "north"]
        caller.send(b"".join(request(f"/models/{model}/predict", body) for model in models))
        caller.send(request("/", method="GET"))
        assert [caller.answer()[0] for _ in range(5)] == [200] * 5
    found = lines(path)
    assert [(one["path"], one.get("model"), one.get("release")) for one in found] == [
        *[(f"/models/{model}/predict", model, {"north": 1, "south": 2}[model]) for model in models],
        ("/", None, None),
    ]
    assert path.stat().st_mode & 0o777 == 0o640
