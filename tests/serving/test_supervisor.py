"""Workers that are killed, swapped and stopped while callers go on asking."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
from tests.serving.conftest import ROW, Caller, contract, expected, predict, request, write_bundle

from shipworthy.errors import InUse, Refused, ShipworthyError, Tampered, WrongUse
from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame
from shipworthy.serving.launch import WORKER, rehearse_server
from shipworthy.serving.settings import Limits

SHIFTS = {1: 0.0, 2: 1500.0, 3: -700.0}


@contextmanager
def running(supervisor):
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


class Load:
    """Callers in threads, each on one connection, that check every answer and remember every id."""

    def __init__(self, url, callers=3):
        self.url = url
        self.answered = {}  # prediction id -> caller's id
        self.releases = []
        self.lost = []  # requests that got no answer because the connection was lost
        self.refused = []  # what went wrong otherwise
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(callers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.wait_for(20)
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more):
        """Until so many further requests are answered."""
        goal, until = len(self.answered) + more, time.monotonic() + 30
        while len(self.answered) < goal and time.monotonic() < until and not self.refused:
            time.sleep(0.005)
        assert not self.refused
        assert len(self.answered) >= goal

    def _run(self, number):
        sent = 0
        while not self._stop.is_set():
            try:
                with Caller(self.url) as caller:
                    while not self._stop.is_set():
                        sent += 1
                        if not self._ask(caller, number, f"{number}-{sent}", (sent * 37) % 6000):
                            break
            except ConnectionRefusedError as error:
                self.refused.append(repr(error))
                return
            except (ConnectionError, TimeoutError) as error:
                self.lost.append(repr(error))

    def _ask(self, caller, number, id_, distance):
        caller.send(predict({**ROW, "distance": distance}, id=id_))
        status, headers, body = caller.answer()
        said = json.loads(body)
        if status != 200 or said["id"] != id_:
            self.refused.append(said)
            return False
        (answer,) = said["predictions"]
        late = expected(distance, SHIFTS[said["release"]])
        if abs(answer["probabilities"]["yes"] - late) > 1e-9 or not answer["id"].startswith(f"{said['release']}-"):
            self.refused.append(f"release {said['release']} answered {answer} for {distance}")
        self.answered[answer["id"]] = id_
        self.releases.append((number, said["release"]))
        return headers.get("connection") != "close"


def logged(logs):
    """Prediction id -> caller's id, of everything in the logs."""
    found = {}
    for segment in reader.segments(logs):
        head = reader.header(segment.path)
        if head is not None:
            rows = frame(head, list(reader.read(segment.path)))
            found.update(zip(rows.prediction_ids.to_pylist(), rows.ids.to_pylist(), strict=True))
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_a_swap_drops_no_request_and_every_answer_names_its_release(shop, workers):
    folders = {number: shop.release(number, shift) for number, shift in SHIFTS.items()}
    with running(shop.supervisor(folders[1], workers=workers)) as supervisor:
        with Load(supervisor.url) as load:
            for number in (2, 3, 1):
                supervisor.swap(folders[number])
                assert {worker.release for worker in supervisor.status().workers} == {number}
                asked_before = len(load.releases)
                load.wait_for(20)
                since = load.releases[asked_before:]
                for caller in range(3):
                    own = [release for one, release in since if one == caller]
                    assert set(own[1:]) <= {number}  # it may have had one request under way
        assert not load.lost
        assert {1, 2, 3} == {release for _, release in load.releases}
    found = logged(shop.logs)
    assert load.answered.items() <= found.items()


def test_ten_swaps_in_a_row_drop_nothing_and_name_no_wrong_release(shop):
    """Each as soon as the last one is over; what was read before a swap is answered by whoever reads it."""
    folders = {number: shop.release(number, shift) for number, shift in SHIFTS.items()}
    with running(shop.supervisor(folders[1])) as supervisor:
        with Load(supervisor.url) as load:
            for turn in range(10):
                supervisor.swap(folders[(2, 3, 1)[turn % 3]])
            load.wait_for(20)
        assert not load.lost
        with Caller(supervisor.url) as caller:
            caller.send(request("/metrics", b"", "GET"))
            _, _, figures = caller.answer()
        assert b'shipworthy_swaps_total{model="flight-delay"} 10' in figures
    assert load.answered.items() <= logged(shop.logs).items()


def test_callers_that_wait_in_the_queue_of_a_dead_worker_are_answered_by_the_next(shop):
    """Twenty of them have connected and sent, and nobody has accepted: none is reset."""
    with running(shop.supervisor(shop.release(1))) as supervisor, ExitStack() as open_:
        os.kill(supervisor.status().workers[0].pid, signal.SIGSTOP)
        callers = [open_.enter_context(Caller(supervisor.url)) for _ in range(20)]
        for caller in callers:
            caller.send(predict(ROW))
        os.kill(supervisor.status().workers[0].pid, signal.SIGKILL)
        assert [caller.answer()[0] for caller in callers] == [200] * 20


def test_a_full_disk_turns_a_worker_unready_and_loses_nothing_that_was_answered(shop):
    """The kernel refuses the log's bytes, as it does on a full disk; later there is room again."""
    with running(shop.supervisor(shop.release(1))) as supervisor, Caller(supervisor.url) as caller:
        pid = supervisor.status().workers[0].pid
        answered = [caller.ask("/predict", {"rows": [ROW], "ids": [f"before-{turn}"]}) for turn in range(5)]
        (log,) = [segment.path for segment in reader.segments(shop.logs)]
        _, unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        for room in (0, 10):  # none at all, and room for a part of a record
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size + room, unlimited))
            refused = caller.ask("/predict", {"rows": [ROW], "ids": ["refused"]})
            assert (refused[0], "log" in refused[1]["error"]) == (503, True)
            assert caller.ask("/v2/health/ready")[0] == 503
            assert caller.ask("/v2/health/live")[0] == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        answered += [caller.ask("/predict", {"rows": [ROW], "ids": [f"after-{turn}"]}) for turn in range(5)]
        assert caller.ask("/v2/health/ready")[0] == 200
        assert supervisor.status().workers[0].pid == pid
    assert [status for status, _ in answered] == [200] * 10
    ids = {said["predictions"][0]["id"]: said["predictions"][0]["id"] for _, said in answered}
    found = logged(shop.logs)
    assert ids.keys() == found.keys(), "what was refused is not in the log"


def test_what_was_signed_as_a_shadow_is_never_served(shop):
    live, shadow = shop.release(1), shop.release(2, shadow=True)
    with running(shop.supervisor(live)) as supervisor:
        with pytest.raises(Refused, match="flight-delay@2 was signed as a shadow"):
            supervisor.swap(shadow)
        assert supervisor.status().workers[0].release == 1


def test_another_interpreter_takes_over_without_a_dropped_request(shop):
    """As when a release needs another environment: new processes on the same sockets, then the old ones end."""
    before, after = shop.release(1, SHIFTS[1]), shop.release(2, SHIFTS[2])
    with running(shop.supervisor(before)) as supervisor:
        first = supervisor.status().workers[0]
        with Load(supervisor.url) as load:
            supervisor.swap(after, command=(sys.executable, "-X", "utf8", *WORKER[1:]))
            load.wait_for(20)
        second = supervisor.status().workers[0]
        assert not load.lost
    assert (first.release, second.release) == (1, 2)
    assert first.pid != second.pid
    assert load.answered.items() <= logged(shop.logs).items()


def test_nothing_answered_is_lost_when_workers_are_killed(shop):
    serving = running(shop.supervisor(shop.release(1, SHIFTS[1])))
    with serving as supervisor, Load(supervisor.url) as load:
        for _ in range(3):
            os.kill(supervisor.status().workers[0].pid, signal.SIGKILL)
            load.wait_for(60)
    assert load.answered.items() <= logged(shop.logs).items()
    assert len({id_.split("-")[2] for id_ in load.answered}) == 4  # each start has a name of its own


def test_a_worker_that_hangs_is_killed_and_its_callers_are_answered_by_the_next(shop):
    """Nothing but its heartbeat tells a stopped process from one that has nothing to do."""
    with running(shop.supervisor(shop.release(1), limits=Limits(hung=2.0))) as supervisor:
        pid = supervisor.status().workers[0].pid
        os.kill(pid, signal.SIGSTOP)
        with Caller(supervisor.url) as caller:
            assert caller.ask("/predict", {"rows": [ROW]})[0] == 200
        assert supervisor.status().workers[0].pid != pid


def test_a_swap_that_one_worker_hangs_in_is_given_up(shop):
    before, after = shop.release(1), shop.release(2)
    with running(shop.supervisor(before, workers=2, limits=Limits(hung=2.0))) as supervisor:
        last = supervisor.status().workers[1].pid
        os.kill(last, signal.SIGSTOP)
        with pytest.raises(Refused, match="hung"):
            supervisor.swap(after)
        wait_until(lambda: restarted(supervisor, last))
        assert [worker.release for worker in supervisor.status().workers] == [1, 1]


def test_a_worker_that_does_not_get_ready_in_time_is_ended(shop):
    """It says nothing, and holds up neither the watch over the others nor the end."""
    silent = shop.supervisor(
        shop.release(1), command=(sys.executable, "-c", "import time; time.sleep(60)"), limits=Limits(load=0.5)
    )
    with pytest.raises(Refused, match=r"said nothing for 0\.5 s"):
        silent.start()


def test_a_caller_that_connects_while_a_worker_is_dead_is_answered_by_the_next(shop):
    with running(shop.supervisor(shop.release(1))) as supervisor:
        os.kill(supervisor.status().workers[0].pid, signal.SIGKILL)
        with Caller(supervisor.url) as caller:
            assert caller.ask("/predict", {"rows": [ROW]})[0] == 200


@pytest.mark.parametrize("file", ["runtimes/onnx/model.onnx", "bundle.json", "contract.json"])
def test_a_release_altered_by_one_byte_is_not_loaded_and_the_one_before_goes_on(shop, file):
    good, altered = shop.release(1), shop.release(2)
    content = bytearray((altered / file).read_bytes())
    content[len(content) // 2] ^= 1
    (altered / file).write_bytes(content)
    with running(shop.supervisor(good)) as supervisor:
        with pytest.raises(Tampered, match=file):
            supervisor.swap(altered)
        assert supervisor.status().folder == good
        with Caller(supervisor.url) as caller:
            assert caller.ask("/predict", {"rows": [ROW]})[1]["release"] == 1
    with pytest.raises(Tampered, match=file):
        shop.supervisor(altered).start()


def test_a_model_that_answers_otherwise_than_recorded_is_not_served(shop):
    """As on a platform where the runtime computes something else: the files are right, the answers are not."""
    folder = shop.release(1)
    other = write_bundle(shop.folder / "other", shift=300.0)
    (other / "probe_answers.npy").write_bytes((folder / "probe_answers.npy").read_bytes())
    with (
        pytest.raises(Tampered, match="differently from what was recorded"),
        rehearse_server(other, contract(), shop.folder / "rehearsal"),
    ):
        pass


def test_what_is_unsigned_or_a_stand_in_is_never_served_as_a_release(shop):
    with pytest.raises(Refused, match="not a signed release"):
        shop.supervisor(write_bundle(shop.folder / "unsigned")).start()
    folder = shop.release(1, prepare=lambda folder: stand_in_bundle(contract(), folder))
    with pytest.raises(Refused, match="never served"):
        shop.supervisor(folder).start()


def test_if_one_worker_cannot_swap_the_others_are_taken_back(shop):
    first, second = shop.release(1), shop.release(2)
    with running(shop.supervisor(first, workers=2)) as supervisor:
        source = supervisor.status().workers[1].source
        hidden = shop.folder / "hidden"
        (shop.logs / source).rename(hidden)  # the second worker cannot begin a log segment now
        with pytest.raises(ShipworthyError, match="No such file"):
            supervisor.swap(second)
        assert [worker.release for worker in supervisor.status().workers] == [1, 1]
        assert supervisor.status().folder == first


def test_a_stopping_server_answers_what_it_has_read(shop):
    supervisor = shop.supervisor(shop.release(1))
    supervisor.start()
    with Caller(supervisor.url) as busy, Caller(supervisor.url) as idle:
        assert busy.ask("/predict", {"rows": [ROW]})[0] == idle.ask("/predict", {"rows": [ROW]})[0] == 200
        message = predict(ROW, id="late")
        busy.send(message[:60])
        time.sleep(0.1)
        stopping = threading.Thread(target=supervisor.stop)
        stopping.start()
        time.sleep(0.2)
        busy.send(message[60:])
        status, headers, body = busy.answer()
        assert (status, headers["connection"], json.loads(body)["id"]) == (200, "close", "late")
        assert busy.closed()
        assert idle.closed()
        stopping.join()
    with pytest.raises(ConnectionRefusedError):
        Caller(supervisor.url)
    assert all(segment.finished for segment in reader.segments(shop.logs))


def test_workers_end_when_their_supervisor_is_gone(shop):
    folder = shop.release(1)
    program = f"""
import sys, time
from pathlib import Path
from shipworthy.serving.launch import WORKER
from shipworthy.serving.supervisor import Serving, Supervisor
folder = Path({str(shop.folder)!r})
how = Serving(WORKER, folder / "logs", folder / "work", Path({str(shop.trusted)!r}), port=0)
supervisor = Supervisor(how, Path({str(folder)!r}))
supervisor.start()
print(supervisor.status().workers[0].pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not _lives(pid))


def test_a_taken_port_is_named(shop):
    folder = shop.release(1)
    with running(shop.supervisor(folder)) as supervisor:
        port = int(supervisor.url.rpartition(":")[2])
        with pytest.raises(InUse, match=str(port)):
            shop.supervisor(folder, port=port).start()


@pytest.mark.parametrize(
    ("host", "says"), [("0.0.0.0", "loopback"), ("192.0.2.7", "loopback"), ("no such host", "address of this machine")]
)
def test_an_address_that_others_reach_is_refused(shop, host, says):
    with pytest.raises(WrongUse, match=says):
        shop.supervisor(shop.release(1), host=host).start()


def test_ipv6_is_served_too(shop):
    with running(shop.supervisor(shop.release(1), host="::1")) as supervisor, Caller(supervisor.url) as caller:
        assert caller.ask("/v2/health/live") == (200, {"live": True})


def test_a_model_file_that_the_runtime_cannot_read_is_said_so(shop):
    """Signed, but nonsense: the runtime's own error reaches whoever asked for the swap."""
    good = shop.release(1)
    bad = shop.release(2, prepare=lambda folder: (folder / "runtimes/onnx/model.onnx").write_bytes(b"no graph"))
    with running(shop.supervisor(good)) as supervisor:
        with pytest.raises(Refused, match="cannot be served: InvalidProtobuf"):
            supervisor.swap(bad)
        supervisor.swap(good)


def test_metrics_of_any_worker_are_those_of_all(shop):
    with running(shop.supervisor(shop.release(1), workers=2)) as supervisor:
        seen = []
        while len({id_.split("-")[1] for id_ in seen}) < 2:  # until both workers were asked
            with Caller(supervisor.url) as caller:
                seen.append(caller.ask("/predict", {"rows": [ROW]})[1]["predictions"][0]["id"])
        time.sleep(0.05)  # an answer's latency is counted once it is written
        victim = supervisor.status().workers[0].pid
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: restarted(supervisor, victim))
        with Caller(supervisor.url) as caller:
            caller.ask("/predict", {"rows": [{**ROW, "stops": 9}]})
            caller.send(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
            text = caller.answer()[2].decode()
        figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    model = 'model="flight-delay"'
    assert figures[f'shipworthy_requests_total{{{model},status="200"}}'] == str(len(seen))
    assert figures[f"shipworthy_rows_total{{{model}}}"] == str(len(seen))
    assert figures[f"shipworthy_request_seconds_count{{{model}}}"] == str(len(seen))
    assert figures[f'shipworthy_request_seconds_bucket{{{model},le="+Inf"}}'] == str(len(seen))
    assert figures[f'shipworthy_violations_total{{{model},feature="stops",outcome="refused"}}'] == "1"
    assert figures[f'shipworthy_release{{{model},release="1"}}'] == "2"
    assert figures[f"shipworthy_connections{{{model}}}"] == "1"


def test_a_worker_holds_nothing_that_trains_or_keeps_records(shop):
    """SQL, training, durable workflows, migrations and data frames would be weight and risk in every worker."""
    program = f"""
import sys
from pathlib import Path
import shipworthy.serving.worker
from shipworthy.serving.loading import load_release
load_release(Path({str(shop.release(1))!r}), Path({str(shop.trusted)!r}))
print("\\n".join(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    foreign = {"sqlalchemy", "alembic", "dbos", "pandas", "polars", "sklearn", "deltalake", "starlette", "uvicorn"}
    layers = (
        "training",
        "environments",
        "rehearsal",
        "gate",
        "refresh",
        "recording",
        "monitoring",
        "scoring",
        "wiring",
    )
    assert foreign & loaded == set()
    assert {name for name in loaded for layer in layers if name.startswith(f"shipworthy.{layer}")} == set()
    assert "shipworthy.store.ledger" not in loaded


def wait_until(holds):
    """Until a condition holds, for half a minute at most."""
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def restarted(supervisor, pid):
    """Whether all workers answer, and none is the process that was killed."""
    status = supervisor.status()
    return status.healthy and pid not in {worker.pid for worker in status.workers}


def _lives(pid):
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False
