"""Bodies of a hundred megabytes are refused before they are there, and cost the worker no memory."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from tests.serving.conftest import ROW, Caller, Shop, predict

HUNDRED = 100 * 2**20
PIECE = b" " * 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    shop = Shop(tmp_path_factory.mktemp("shop"))
    supervisor = shop.supervisor(shop.release(1))
    supervisor.start()
    yield supervisor
    supervisor.stop()


def memory(server) -> int:
    """Bytes of the worker that are in memory, at most so far."""
    (worker,) = server.status().workers
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def whole(caller: Caller) -> None:
    """As many of the bytes that were announced as are taken."""
    for _ in range(HUNDRED // len(PIECE)):
        caller.send(PIECE)


def in_chunks(caller: Caller) -> None:
    for _ in range(HUNDRED // len(PIECE)):
        caller.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
    caller.send(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "send"), [(b"Content-Length: %d" % HUNDRED, whole), (b"Transfer-Encoding: chunked", in_chunks)]
)
def test_a_body_of_a_hundred_megabytes_is_refused_and_not_kept(server, head, send):
    before = memory(server)
    with Caller(server.url) as caller:
        caller.send(b"POST /predict HTTP/1.1\r\nHost: here\r\n" + head + b"\r\n\r\n")
        with suppress(ConnectionError):  # nobody listens any more: the refusal came before
            send(caller)
        status, _, body = caller.answer()
    assert status == 413
    assert "send fewer rows" in json.loads(body)["error"]
    assert memory(server) - before < 40 * 2**20, "the limit is 16 MiB, and a body is never there twice as a whole"
    with Caller(server.url) as caller:
        caller.send(predict(ROW))
        assert caller.answer()[0] == 200


def test_who_asks_first_need_not_send_it(server):
    with Caller(server.url) as caller:
        caller.send(
            b"POST /predict HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % HUNDRED
        )
        assert caller.answer()[0] == 413
