"""The client against real servers: what it gives, what it raises, and what it does when a server dies or says no."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tests.serving.conftest import ROW, Shop, contract, expected

import shipworthy
from shipworthy.client import AsyncClient, Client, NoAnswer, RowsRefused, ServerFailed, UnknownModel
from shipworthy.client.exchange import Call, Patience
from shipworthy.errors import WrongUse
from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.predictions import reader
from shipworthy.serving.launch import rehearse_server

PATIENT = Patience(seconds=60.0, tries=40)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a real model, with two workers."""
    shop = Shop(tmp_path_factory.mktemp("client"))
    supervisor = shop.supervisor(shop.release(3), workers=2)
    yield supervisor.start()
    supervisor.stop()


def test_a_row_gets_a_typed_answer_with_the_way_to_its_origin(url: str) -> None:
    with Client(url) as client:
        answers = client.predict(ROW, id="flight-1")
    (answer,) = answers
    assert (answers.release, answers.model, answers.id, answers.tries) == (3, "flight-delay", "flight-1", 1)
    assert answer.probabilities["yes"] == pytest.approx(expected(500))
    assert answer.prediction == "yes"
    assert answer.lineage == f"shipworthy lineage {answer.id}"


@pytest.mark.parametrize("table", [list, pd.DataFrame, pl.DataFrame], ids=["dicts", "pandas", "polars"])
def test_rows_of_any_table_come_back_in_their_order(url: str, table: type) -> None:
    rows = [{**ROW, "distance": np.float64(distance)} for distance in (10.0, 4000.0, 200.0)]
    with Client(url) as client:
        answers = client.predict(table(rows), ids=["a", "b", "c"])
    assert [one.probabilities["yes"] for one in answers] == pytest.approx([expected(d) for d in (10, 4000, 200)])
    assert len(answers) == len({one.id for one in answers}) == 3


def test_an_event_loop_asks_many_at_once(url: str) -> None:
    async def ask() -> list[float]:
        async with AsyncClient(url) as client:
            found = await asyncio.gather(*(client.predict_one({**ROW, "distance": d}) for d in range(100, 120)))
            with pytest.raises(RowsRefused):
                await client.predict({})
        return [one.probabilities["yes"] for one in found]

    assert asyncio.run(ask()) == pytest.approx([expected(d) for d in range(100, 120)])


def test_a_refusal_names_every_value_that_was_wrong(url: str) -> None:
    with Client(url) as client, pytest.raises(RowsRefused, match="carier") as refused:
        client.predict([ROW, {**ROW, "distance": 7000, "carier": "UA"}])
    found = {one.field: one for one in refused.value.violations}
    assert (found["distance"].row, found["distance"].value) == (1, 7000)
    assert found["carier"].hint == "did you mean carrier?"
    assert isinstance(refused.value, WrongUse)


@pytest.mark.parametrize(
    ("rows", "said"),
    [([], "no row"), ("distance", "list of mappings"), ([1], "mapping of feature"), ([{"distance": object()}], "JSON")],
)
def test_rows_that_are_none_never_leave(rows: object, said: str) -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(WrongUse, match=said):
        client.predict(rows)


def test_an_address_that_is_none_is_refused_at_once() -> None:
    for url in ("localhost:8080", "ftp://here", ""):
        with pytest.raises(WrongUse, match="address"):
            Client(url)


def test_nobody_there_is_no_answer_and_says_how_often_it_was_tried() -> None:
    with (
        Client("http://127.0.0.1:9", patience=Patience(tries=3, pause=0.01)) as client,
        pytest.raises(NoAnswer, match=r"all 3 tries failed.*ConnectError") as given_up,
    ):
        client.predict(ROW, id="mine")
    assert (given_up.value.id, given_up.value.tries) == ("mine", 3)


def test_no_prediction_is_lost_or_asked_under_another_id_when_a_worker_is_killed(tmp_path: Path) -> None:
    """Answers go on, each stands in the log under its caller's id, and what broke was asked again."""
    shop = Shop(tmp_path)
    supervisor = shop.supervisor(shop.release(1), workers=2)
    url = supervisor.start()
    asked = [f"call-{number}" for number in range(400)]
    killed = threading.Event()

    def ask(client: Client, name: str) -> tuple[str, str]:
        if name == "call-100":
            for worker in supervisor.status().workers:
                os.kill(worker.pid, signal.SIGKILL)
            killed.set()
        return name, client.predict(ROW, id=name)[0].id

    try:
        with Client(url, patience=PATIENT) as client, ThreadPoolExecutor(8) as threads:
            answered = dict(threads.map(lambda name: ask(client, name), asked))
    finally:
        supervisor.stop()
    assert killed.is_set()
    assert list(answered) == asked
    logged = {
        f"1-{segment.source}-{segment.number}-{record.start}-{row}": id_
        for segment in reader.segments(shop.logs)
        for record in reader.read(segment.path)
        for row, id_ in enumerate(record.ids or [None] * record.rows)
    }
    assert {logged[prediction]: prediction for prediction in answered.values()} == answered


def test_a_server_that_has_no_time_says_so_at_once_and_its_advice_is_followed(tmp_path: Path) -> None:
    promised = contract()
    stand_in_bundle(promised, tmp_path / "bundle", 100_000.0)
    said = []
    with rehearse_server(tmp_path / "bundle", promised, tmp_path) as url, Client(url) as client:
        for _ in range(20):
            with pytest.raises(NoAnswer) as refused:
                client.predict(ROW, deadline=0.08)
            said.append(refused.value)
            if "503" in str(refused.value):
                break
    assert "503" in str(said[-1])
    assert said[-1].tries == 1  # Retry-After says one second, which is after the deadline


class Script:
    """What a server is to say, one status after the other and then a prediction, and what it heard."""

    def __init__(self) -> None:
        self.statuses: list[int] = []  # 0: hang up; 600: no JSON
        self.bodies: list[bytes] = []
        self.deadlines: list[float] = []


class Scripted(BaseHTTPRequestHandler):
    """Says what its server's script has."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        script: Script = self.server.script  # type: ignore[attr-defined]
        script.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        script.deadlines.append(float(self.headers["x-deadline-ms"]))
        status = script.statuses.pop(0) if script.statuses else 200
        if status == 0:
            self.close_connection = True
            return
        good = b'{"release":1,"model":"m","predictions":[{"id":"1-w-0-0-0","prediction":1.5}]}'
        body = good if status == 200 else b'{"error":"not now"}' if status < 600 else b"<html>"
        self.send_response(200 if status == 600 else status)
        self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def scripted() -> Iterator[tuple[str, Script]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        script = server.script = Script()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", script
        server.shutdown()
        thread.join()


def test_what_may_succeed_is_sent_again_word_for_word_with_less_time_left(
    scripted: tuple[str, Script],
) -> None:
    url, server = scripted
    server.statuses += [503, 0, 408, 502]
    with Client(url) as client:
        answers = client.predict({"x": 1}, deadline=30.0)
    assert answers.tries == 5
    assert len(server.bodies) == 5
    assert len(set(server.bodies)) == 1
    assert answers.id.encode() in server.bodies[0]
    assert server.deadlines == sorted(server.deadlines, reverse=True)
    assert len(set(server.deadlines)) == 5


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, ServerFailed), (404, UnknownModel), (422, RowsRefused), (413, RowsRefused), (600, ServerFailed)],
)
def test_what_would_fail_again_is_raised_at_once(
    scripted: tuple[str, Script], status: int, error: type[Exception]
) -> None:
    url, server = scripted
    server.statuses += [status]
    with Client(url) as client, pytest.raises(error):
        client.predict({"x": 1})
    assert len(server.bodies) == 1


def test_a_pause_is_never_shorter_than_the_server_asks_for() -> None:
    call = Call([{"x": 1}], "id", None, 100.0, Patience())
    assert call.left(0.0) == 100.0
    advised = call.answered(503, {"retry-after": "7"}, b'{"error":"busy"}', 1.0)
    assert advised == 7.0
    with pytest.raises(NoAnswer, match=r"after the deadline.*busy"):
        call.answered(503, {"retry-after": "7"}, b'{"error":"busy"}', 94.0)


def test_the_client_is_there_without_anything_heavy() -> None:
    program = (
        "import sys; from shipworthy import Client, AsyncClient;"
        "sys.exit(' '.join({'numpy', 'pyarrow', 'sqlalchemy', 'onnxruntime', 'deltalake'} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_public_names_are_those_that_are_typed() -> None:
    typed = Path(shipworthy.__file__).with_suffix(".pyi").read_text()
    for name in shipworthy.__all__:
        assert getattr(shipworthy, name) is not None
        assert f" as {name}\n" in typed or f"{name}: " in typed
    with pytest.raises(AttributeError, match="Clint"):
        shipworthy.Clint  # noqa: B018
