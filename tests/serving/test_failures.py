"""A model that raises and a disk that is full: who gets which answer, and what goes on."""

import errno
import json
import os

import msgspec
import numpy as np
import pytest
from tests.serving.conftest import ROW, contract, write_bundle

from shipworthy.models.records import Answers
from shipworthy.predictions import reader
from shipworthy.predictions.log import LogWriter
from shipworthy.serving import predicting
from shipworthy.serving.answering import Answering
from shipworthy.serving.exchange import Exchange, Head
from shipworthy.serving.live import live
from shipworthy.serving.loading import load_rehearsal
from shipworthy.serving.metrics import Metrics, exposition
from shipworthy.serving.routes import Routes


class Sour:
    """A model that cannot bear some distances."""

    name = "python"

    def __init__(self):
        self.calls = []

    def predict(self, columns):
        (distances,) = columns[:1]
        self.calls.append(len(distances))
        if (distances == 13).any():
            raise ZeroDivisionError("13")
        late = np.where(distances == 14, np.nan, distances / 6000)
        return Answers(np.stack([1 - late, late], axis=1)[: None if 15 not in distances else -1])


class Sender:
    def __init__(self):
        self.replies = []

    def reply(self, reply, *, close, bodyless):
        self.replies.append((reply.status, json.loads(reply.body)))


class Desk:
    """An answering worker without its sockets."""

    def __init__(self, folder, *, plain):
        self.model = Sour()
        self.head = Head(b"POST", b"/predict", plain=plain)
        (folder / "contract.json").write_bytes(msgspec.json.encode(contract()))
        loaded = load_rehearsal(write_bundle(folder / "bundle"), folder / "contract.json")
        self.live = live(3, loaded.contract, loaded.description, self.model)
        self.log = LogWriter(folder / "logs", "w0-1")
        self.log.open("flight-delay", 3, self.live.description.features, ("no", "yes"))
        self.folder = folder
        metrics = Metrics(folder / "metrics", "w0", "flight-delay", list(ROW), 3)
        routes = Routes(self.live, folder / "metrics", lambda: self.answering.log_failure)
        self.answering = Answering(self.live, self.log, metrics, routes)

    def ask(self, *bodies):
        """Requests of one tick; their answers."""
        sender = Sender()
        self.answering.answer([Exchange(sender, self.head, body) for body in bodies], 0.0)
        return sender.replies

    def ready(self):
        sender = Sender()
        self.answering.answer([Exchange(sender, Head(b"GET", b"/v2/health/ready"), b"")], 0.0)
        return sender.replies[0]

    def logged(self):
        return list(reader.read(self.log.folder / "00000000.log"))

    def figure(self, name):
        text = exposition(self.folder / "metrics").decode()
        return next(line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith(name))


@pytest.fixture(params=[True, False], ids=["plain", "any"])
def desk(tmp_path, request):
    """Requests whose heads say nothing unusual, so that they may be answered together; and others."""
    desk = Desk(tmp_path, plain=request.param)
    yield desk
    desk.log.close()


def body(*distances):
    return json.dumps({"rows": [{**ROW, "distance": distance} for distance in distances]}).encode()


def test_requests_of_one_tick_are_one_model_call_and_one_record(desk):
    assert [status for status, _ in desk.ask(body(1), body(2, 3), body(4))] == [200] * 3
    assert desk.model.calls == [4]
    assert [record.rows for record in desk.logged()] == [4]


@pytest.mark.parametrize(("sour", "says"), [(13, "ZeroDivisionError: 13"), (14, "finite"), (15, "shape")])
def test_a_request_that_the_model_fails_on_is_500_and_the_others_are_answered(desk, sour, says):
    replies = desk.ask(body(600), body(sour), body(1200))
    assert [status for status, _ in replies] == [200, 500, 200]
    assert says in replies[1][1]["error"]
    assert replies[2][1]["predictions"][0]["probabilities"]["yes"] == 0.2
    assert [record.columns[0].tolist() for record in desk.logged()] == [[600.0], [1200.0]]
    assert desk.figure("shipworthy_model_errors_total") == "1"
    assert desk.ready()[0] == 200


def test_refusals_are_logged_even_where_the_model_fails(desk):
    assert [status for status, _ in desk.ask(body(13), body(-1))] == [500, 422]
    assert [record.refused for record in desk.logged()] == [{"distance": 1}]


def test_more_rows_than_a_model_call_takes_are_several_calls(desk, monkeypatch):
    monkeypatch.setattr(predicting, "MOST_ROWS", 5)
    replies = desk.ask(body(1, 2, 3), body(4, 5, 6), body(7), body(*range(20, 29)), body(9))
    assert [len(said["predictions"]) for _, said in replies] == [3, 3, 1, 9, 1]
    assert desk.model.calls == [3, 4, 9, 1]


def test_what_cannot_be_logged_is_not_answered_and_the_worker_is_not_ready(desk, monkeypatch):
    def full(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        replies = desk.ask(body(1), body(2), body(-1), b"{")
        assert [status for status, _ in replies] == [503, 503, 422, 400]
        assert "No space left" in replies[0][1]["error"]
        assert desk.ready()[0] == 503
    assert desk.ask(body(3))[0][0] == 200  # there is room again
    assert desk.ready() == (200, {"ready": True})
    assert [record.columns[0].tolist() for record in desk.logged()] == [[3.0]]
    assert desk.figure("shipworthy_log_errors_total") == "2"


def test_an_id_is_the_rows_own_only_where_there_is_one_row(desk):
    def named(rows, **ids):
        return json.dumps({"rows": [ROW] * rows, **ids}).encode()

    desk.ask(named(1, id="a"), named(2, id="b"), named(2, ids=["c", "d"]), named(1))
    assert desk.logged()[0].ids == ["a", None, None, "c", "d", None]
