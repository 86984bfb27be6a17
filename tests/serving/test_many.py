"""One server, many models: each answers for itself, and is there when it is asked."""

import json
import os
import signal
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import FEATURES, ROW, Caller, Shop, expected, request
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from shipworthy.errors import Tampered
from shipworthy.predictions import reader
from shipworthy.predictions.ids import parse
from shipworthy.serving.hosting import Resident, Room, leaving
from shipworthy.serving.settings import Limits

SHIFTS = {"north": 0.0, "south": 1500.0, "west": -700.0}
INDEX = "/v2/repository/index"


@contextmanager
def running(supervisor):
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def releases(shop):
    return {model: shop.release(3, shift, model=model) for model, shift in SHIFTS.items()}


@pytest.fixture(scope="module")
def server(shop, releases):
    """Three models, room for two."""
    hosting = shop.hosting(*releases.values(), room=Room(models=2))
    with running(shop.supervisor(hosting, many=True, work=shop.folder / "three")) as supervisor:
        yield supervisor


@pytest.fixture
def caller(server):
    with Caller(server.url) as caller:
        yield caller


def ask(caller, model, distance=500, **further):
    return caller.ask(f"/models/{model}/predict", {"rows": [{**ROW, "distance": distance}], **further})


def predict(model, distance=500):
    return request(f"/models/{model}/predict", json.dumps({"rows": [{**ROW, "distance": distance}]}).encode())


def probability(said):
    return said["predictions"][0]["probabilities"]["yes"]


def states(caller):
    return {one["name"]: one["state"] for one in caller.ask(INDEX)[1]}


def test_each_model_answers_under_its_own_name_from_its_own_release_into_its_own_log(caller, shop):
    for model, shift in SHIFTS.items():
        status, said = ask(caller, model, id=model)
        assert (status, said["model"], said["release"], said["id"]) == (200, model, 3, model)
        assert probability(said) == pytest.approx(expected(500, shift))
        header, record = reader.find(shop.logs / model, parse(said["predictions"][0]["id"]))
        assert (header.model, record.ids) == (model, [model])


def test_the_open_inference_protocol_has_them_by_name(caller):
    for model, shift in SHIFTS.items():
        inputs = [
            {"name": name, "shape": [1], "datatype": datatype, "data": [ROW[name]]}
            for name, datatype in zip(ROW, [PUT[feature.type] for feature in FEATURES], strict=True)
        ]
        for path in (f"/v2/models/{model}/infer", f"/v2/models/{model}/versions/3/infer?x=1"):
            status, said = caller.ask(path, {"inputs": inputs, "outputs": [{"name": "probabilities"}]})
            assert (status, said["model_name"]) == (200, model)
            assert said["outputs"][0]["data"][1] == pytest.approx(expected(500, shift))
        assert caller.ask(f"/v2/models/{model}")[1]["versions"] == ["3"]
        assert f"/models/{model}/predict" in caller.ask(f"/models/{model}/openapi.json")[1]["paths"]
        assert caller.ask(f"/models/{model}")[1]["paths"]["predict"] == f"POST /models/{model}/predict"


PUT = {"float": "FP64", "integer": "INT32", "boolean": "BOOL", "category": "BYTES", "timestamp": "BYTES"}


def test_whoever_was_asked_longest_ago_leaves_and_comes_back_when_asked(caller):
    ids = {}
    for model in ("north", "south", "north", "west", "south"):
        ids[model] = [*ids.get(model, []), ask(caller, model)[1]["predictions"][0]["id"]]
    assert states(caller) == {"north": "UNAVAILABLE", "south": "READY", "west": "READY"}
    status, said = ask(caller, "north")
    assert status == 200
    # Its log goes on where it stopped: a new source each time would be a folder each time.
    assert len({parse(id_).source for id_ in [*ids["north"], said["predictions"][0]["id"]]}) == 1


def test_requests_that_arrive_together_are_answered_in_their_order_whoever_is_loaded(caller):
    models = list(SHIFTS) * 7
    caller.send(b"".join(predict(model, 100 * n) for n, model in enumerate(models)) + request(INDEX, method="GET"))
    for n, model in enumerate(models):
        status, _, body = caller.answer()
        said = json.loads(body)
        assert (status, said["model"]) == (200, model)
        assert probability(said) == pytest.approx(expected(100 * n, SHIFTS[model]))
    assert len(json.loads(caller.answer()[2])) == 3


def test_a_model_that_is_not_loaded_counts_as_ready_and_looking_does_not_load_it(caller):
    for model in ("south", "west"):
        ask(caller, model)
    assert caller.ask("/v2/models/north/ready") == (200, {"name": "north", "ready": True})
    assert states(caller)["north"] == "UNAVAILABLE"
    assert caller.ask("/v2/health/ready") == (200, {"ready": True})


@pytest.mark.parametrize(
    ("path", "method", "status", "says"),
    [
        ("/models/east/predict", "POST", 404, "no such model"),
        ("/v2/models/east", "GET", 404, "no such model"),
        ("/v2/models/north/versions/4/infer", "POST", 404, "model north, version 3"),
        ("/v2/models/north/versions/4/ready", "GET", 404, "model north, version 3"),
        ("/predict", "POST", 404, "no /predict"),
        ("/models/north/predict", "GET", 405, "expected POST"),
        ("/v2/repository/models/north/load", "GET", 405, "expected POST"),
        ("/v2/repository/models/east/load", "POST", 404, "no such model"),
        ("/v2/repository/models/north/drop", "POST", 404, "model north"),
        ("/metrics", "POST", 405, "expected GET"),
    ],
)
def test_what_is_not_there_is_said_so(caller, path, method, status, says):
    said_status, said = caller.ask(path, b"{}" if method == "POST" else None, method)
    assert said_status == status
    assert says in said["error"]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b'{"ready": 1}', 422), (b'{"ready": true}', 200)])
def test_the_index_takes_what_the_protocol_has(caller, body, status):
    ask(caller, "north")
    said_status, said = caller.ask(INDEX, body)
    assert said_status == status
    assert status != 200 or {one["state"] for one in said} == {"READY"}


def test_tritonclient_looks_through_the_repository_and_gives_orders(server):
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        assert "model_repository" in client.get_server_metadata()["extensions"]
        client.load_model("north")
        assert {one["name"]: one["state"] for one in client.get_model_repository_index()}["north"] == "READY"
        client.unload_model("north")
        assert {one["name"]: one["state"] for one in client.get_model_repository_index()}["north"] == "UNAVAILABLE"
        assert client.is_model_ready("north", "3")
        with pytest.raises(InferenceServerException, match="config"):
            client.load_model("north", config='{"backend": "other"}')


def test_each_model_has_figures_of_its_own(server, caller):
    ask(caller, "west", distance=-1)
    caller.send(request("/metrics", method="GET"))
    text = caller.answer()[2].decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(figures['shipworthy_violations_total{model="west",feature="distance",outcome="refused"}']) >= 1
    assert int(figures['shipworthy_requests_total{model="north",status="200"}']) >= 1
    assert int(figures['shipworthy_load_seconds_count{model="south"}']) >= 1
    assert int(figures['shipworthy_unloads_total{model="south"}']) >= 1
    assert figures['shipworthy_release{model="west",release="3"}'] == "1"
    assert int(figures["shipworthy_connections"]) >= 1
    assert 'shipworthy_requests_total{status="404"}' in figures


class Gate:
    """A release that cannot be loaded before it is let: its description is a pipe that somebody has to write into."""

    def __init__(self, folder):
        self._path = folder / "bundle.json"
        self._content = self._path.read_bytes()
        self._path.unlink()
        os.mkfifo(self._path)

    def open(self):
        """Let it; who reads it again finds a file."""
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self):
        with self._path.open("wb") as pipe:  # once somebody reads
            (self._path.parent.parent / "bundle.json").write_bytes(self._content)
            (self._path.parent.parent / "bundle.json").replace(self._path)
            pipe.write(self._content)


def test_others_are_answered_while_one_is_loaded_and_later_answers_wait_their_turn(shop, releases):
    slow = shop.release(1, 300.0, model="slow")
    gate = Gate(slow)
    hosting = shop.hosting(*releases.values(), slow)
    with (
        running(shop.supervisor(hosting, many=True, work=shop.folder / "slow")) as supervisor,
        Caller(supervisor.url) as waiting,
        Caller(supervisor.url) as other,
    ):
        assert ask(other, "north")[0] == 200
        waiting.send(predict("slow", 1) + predict("north", 2) + request("/v2/health/live", method="GET"))
        for n in range(20):
            assert probability(ask(other, "north", n)[1]) == pytest.approx(expected(n))
        assert states(other)["slow"] == "LOADING"
        gate.open()
        said = [json.loads(waiting.answer()[2]) for _ in range(3)]
        assert [one.get("model") for one in said] == ["slow", "north", None]
        assert probability(said[0]) == pytest.approx(expected(1, 300.0))
        assert probability(said[1]) == pytest.approx(expected(2))


def test_a_caller_that_leaves_while_its_model_is_loaded_costs_nobody_an_answer(shop, releases):
    slow = shop.release(2, 300.0, model="slow")
    gate = Gate(slow)
    hosting = shop.hosting(*releases.values(), slow)
    with (
        running(shop.supervisor(hosting, many=True, work=shop.folder / "leaving")) as supervisor,
        Caller(supervisor.url) as stays,
    ):
        with Caller(supervisor.url) as leaves:
            leaves.send(predict("slow") + predict("north"))
        stays.send(predict("slow"))
        gate.open()
        assert stays.answer()[0] == 200
        assert ask(stays, "south")[0] == 200


def test_a_model_that_cannot_be_loaded_is_503_with_the_reason_and_the_others_go_on(shop, releases):
    broken = shop.release(1, model="broken")
    (broken / "runtimes/onnx/model.onnx").write_bytes(b"something else")
    hosting = shop.hosting(*releases.values(), broken)
    with (
        running(shop.supervisor(hosting, many=True, work=shop.folder / "broken")) as supervisor,
        Caller(supervisor.url) as caller,
    ):
        for _ in range(2):  # the second is not even tried
            caller.send(predict("broken"))
            status, headers, body = caller.answer()
            assert (status, headers["retry-after"]) == (503, "1")
            assert "was changed after broken@1 was signed" in json.loads(body)["error"]
        assert caller.ask("/v2/models/broken/ready")[0] == 503
        assert caller.ask("/v2/repository/models/broken/load", b"")[0] == 503
        assert ask(caller, "north")[0] == 200
        caller.send(request("/metrics", method="GET"))
        figures = caller.answer()[2].decode()
    assert 'shipworthy_refused_total{model="broken",reason="loading"} 2' in figures


def test_one_model_is_swapped_and_no_other_notices(shop, releases):
    second = shop.release(4, 900.0, model="south")
    tampered = shop.release(5, model="south")
    (tampered / "probe_answers.npy").write_bytes(b"")
    north = releases["north"]
    before = shop.hosting(north, releases["south"])
    with (
        running(shop.supervisor(before, many=True, work=shop.folder / "swap")) as supervisor,
        Caller(supervisor.url) as caller,
    ):
        assert [ask(caller, model)[1]["release"] for model in ("north", "south")] == [3, 3]
        with pytest.raises(Tampered, match="probe_answers"):
            supervisor.swap(shop.hosting(north, tampered))
        assert ask(caller, "south")[1]["release"] == 3
        supervisor.swap(shop.hosting(north, second, releases["west"]))
        status, said = ask(caller, "south")
        assert (status, said["release"]) == (200, 4)
        assert probability(said) == pytest.approx(expected(500, 900.0))
        assert said["predictions"][0]["id"].startswith("4-")
        assert ask(caller, "west")[0] == ask(caller, "north")[0] == 200
        supervisor.swap(shop.hosting(second))
        assert ask(caller, "north")[0] == 404
        victim = supervisor.status().workers[0].pid
        os.kill(victim, signal.SIGKILL)
        with Caller(supervisor.url) as later:
            assert ask(later, "south")[1]["release"] == 4


def test_a_deadline_that_a_loading_cannot_keep_is_refused_at_once(server, caller):
    for model in SHIFTS:
        ask(caller, model)
    caller.send(request("/models/north/predict", json.dumps({"rows": [ROW]}).encode(), X_Deadline_Ms="0.001"))
    status, headers, body = caller.answer()
    assert (status, "retry-after" in headers) == (503, True)
    assert "not loaded" in json.loads(body)["error"]


def test_a_stopping_server_answers_who_waits_for_a_model(shop, releases):
    slow = shop.release(3, 300.0, model="slow")
    gate = Gate(slow)
    supervisor = shop.supervisor(shop.hosting(slow), many=True, work=shop.folder / "stop", limits=Limits(drain=30.0))
    supervisor.start()
    with Caller(supervisor.url) as caller, Caller(supervisor.url) as other:
        caller.send(predict("slow"))
        other.ask("/v2/health/live")  # what was sent before it was read
        stopping = threading.Thread(target=supervisor.stop)
        stopping.start()
        gate.open()
        assert caller.answer()[0] == 200
        stopping.join()


RESIDENTS = st.lists(
    st.builds(Resident, st.sampled_from("abcdefgh"), st.integers(0, 99), st.integers(0, 100)),
    unique_by=lambda one: one.model,
)


@given(RESIDENTS, st.integers(0, 300), st.integers(1, 6), st.none() | st.integers(0, 400))
def test_as_many_leave_as_have_to_and_the_longest_unused_first(residents, memory, models, coming):
    left = leaving(residents, Room(memory=memory, models=models), coming)
    stay = [one for one in residents if one.model not in left]

    def fits(kept):
        return (
            sum(one.size for one in kept) + (coming or 0) <= memory and len(kept) + (coming is not None) <= models
        ) or not kept

    assert fits(stay)
    gone = [one for one in residents if one.model in left]
    assert all(one.used <= other.used for one in gone for other in stay)
    assert not left or not fits([*stay, max(gone, key=lambda one: (one.used, left.index(one.model)))])


def test_the_numbers_of_models_do_not_mix_in_one_tick(caller):
    """Rows of two models that arrive in the same turn are two model calls."""
    for model in ("north", "south"):
        ask(caller, model)
    caller.send(b"".join(predict(("north", "south")[n % 2], 50 * n) for n in range(60)))
    found = [probability(json.loads(caller.answer()[2])) for _ in range(60)]
    np.testing.assert_allclose(found, [expected(50 * n, (0.0, 1500.0)[n % 2]) for n in range(60)])
