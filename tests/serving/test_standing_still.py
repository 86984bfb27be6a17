"""A model that takes three seconds: whoever looks after the process is answered at once, all others in their turn."""

import json
import re
import resource
import threading
import time

import pytest
from tests.serving.conftest import ROW, Caller, Shop, contract, predict, request

from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.serving.launch import rehearse_server

REQUESTS_200 = re.compile(r'shipworthy_requests_total\{[^}]*status="200"')


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    stand_in_bundle(contract(), folder / "bundle", microseconds_row=30_000.0)  # 100 rows take 3 s
    with rehearse_server(folder / "bundle", contract(), folder / "work") as url:
        yield url


@pytest.fixture
def busy(url):
    """Asks for 100 rows; gives the answer's arrival once it is there."""
    arrived = []

    def ask():
        with Caller(url) as caller:
            caller.send(predict(*[ROW] * 100))
            arrived.append((caller.answer()[0], time.monotonic()))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.5)  # it is under way
    yield arrived
    thread.join()


@pytest.mark.parametrize(
    ("path", "says"),
    [("/v2/health/live", b'"live":true'), ("/v2/health/ready?from=probe", b'"ready":true'), ("/metrics", b"# TYPE")],
)
def test_a_probe_is_answered_while_the_model_works(url, busy, path, says):
    with Caller(url) as probe:
        probe.send(request(path, method="GET"))
        status, headers, body = probe.answer()
        assert not busy  # the model is not done
        assert (status, headers["connection"]) == (200, "close")
        assert says in body
        assert probe.closed()


def served(url):
    """Requests that were answered well, as the metrics have it; the one that asks is not among them yet."""
    with Caller(url) as caller:
        caller.send(request("/metrics", method="GET"))
        _, _, body = caller.answer()
    return sum(float(line.split()[-1]) for line in body.decode().splitlines() if REQUESTS_200.match(line))


@pytest.fixture
def served_before(url):
    return served(url)


def test_what_was_answered_meanwhile_is_counted(url, served_before, busy):
    with Caller(url) as probe:
        probe.send(request("/v2/health/live", method="GET"))
        assert probe.answer()[0] == 200
    with Caller(url) as after:
        after.send(predict(ROW))
        assert after.answer()[0] == 200  # the loop is back
    asked = {"/metrics", "/v2/health/live", "100 rows", "one row"}
    assert served(url) == served_before + len(asked)


def test_all_else_waits_for_the_model_and_is_answered_in_full(url, busy):
    """Predictions, pages, halves of requests and connections that say nothing yet: handed over as they are."""
    with Caller(url) as asks, Caller(url) as half, Caller(url) as silent, Caller(url) as posts:
        asks.send(predict(ROW, id="late") + request("/v2/health/live", method="GET"))
        message = predict(ROW, id="half")
        half.send(message[:40])
        posts.send(request("/v2/health/live", b"{}"))
        time.sleep(0.3)
        half.send(message[40:])
        assert [json.loads(asks.answer()[2]).get("id") for _ in range(2)] == ["late", None]
        assert json.loads(half.answer()[2])["id"] == "half"
        assert posts.answer()[0] == 405
        silent.send(request("/v2/health/live", method="GET"))
        assert silent.answer()[0] == 200
        assert busy[0][0] == 200


def test_who_leaves_meanwhile_costs_nobody_anything(url, busy):
    for content in (b"", b"GET /v2/health/live", request("/metrics", method="GET"), predict(ROW)):
        with Caller(url) as leaves:
            leaves.send(content)
    with Caller(url) as caller:
        assert caller.ask("/predict", {"rows": [ROW]})[0] == 200


def test_a_full_disk_makes_a_worker_unready_until_there_is_room_again_whether_anybody_asks_or_not(tmp_path):
    shop = Shop(tmp_path)
    supervisor = shop.supervisor(shop.release(1))
    supervisor.start()
    pid = supervisor.status().workers[0].pid
    with Caller(supervisor.url) as caller:
        assert caller.ask("/predict", {"rows": [ROW]})[0] == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no file grows any more
        caller.send(predict(ROW))
        status, headers, body = caller.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        assert "log cannot be written" in json.loads(body)["error"]
        time.sleep(1.5)  # it was looked at again meanwhile
        status, said = caller.ask("/v2/health/ready")
        assert (status, said["ready"], "log cannot be written" in said["error"]) == (503, False, True)
        assert caller.ask("/v2/health/live")[0] == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        until = time.monotonic() + 30
        while caller.ask("/v2/health/ready")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert caller.ask("/predict", {"rows": [ROW]})[0] == 200
    supervisor.stop()
    assert not list(shop.logs.glob("*/probe"))
