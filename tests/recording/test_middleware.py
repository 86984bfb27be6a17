"""A FastAPI service of somebody else's, recorded and watched: under uvicorn, in two processes, with a broken log."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder
from numpy.typing import NDArray
from ports import free_port
from sqlalchemy import select

from shipworthy import clock
from shipworthy.counts import reference as counting
from shipworthy.counts.windows import decode
from shipworthy.dialects.records import Said
from shipworthy.errors import NotFound, Refused, WrongUse
from shipworthy.monitoring.records import Alarm, WindowEvidence
from shipworthy.predictions import reader
from shipworthy.predictions.frames import frame
from shipworthy.predictions.ids import parse
from shipworthy.recording import RecordPredictions
from shipworthy.recording import service as services
from shipworthy.recording.writing import Exchange, ServiceLog, Tally
from shipworthy.store.tables import window_counts
from shipworthy.wiring.adopting_service import Origin, adopt_service
from shipworthy.wiring.project import Project, open_project
from shipworthy.wiring.record import run_record
from shipworthy.wiring.watch import run_watch

CONTRACT = """
[model]
name = "delay"
[features]
distance = { type = "float", min = 0, max = 5000 }
carrier = { type = "category", values = ["AA", "B6", "UA"], unknown = "refuse" }
when = { type = "timestamp" }
[serving]
event_time = "when"
[monitoring]
window = "1h"
lateness = "0s"
"""
SLOWLY = 0.05  # seconds that one of its paths takes at least
START = clock.from_iso("2026-01-01T00:00:00+00:00")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of which only a contract exists, and a service adopted into it."""
    (tmp_path / "shipworthy.toml").write_text(CONTRACT)
    opened = open_project(tmp_path, needs="serving")
    adopt_service(opened, ("no", "yes"), Origin())
    return opened


@pytest.fixture
def served(project: Project) -> Iterator[Callable[[int], httpx.Client]]:
    """`served(workers)` starts the service and gives a client of it."""
    started: list[subprocess.Popen[bytes]] = []
    clients: list[httpx.Client] = []

    def start(workers: int = 1) -> httpx.Client:
        command = [sys.executable, str(Path(__file__).with_name("service_program.py")), str(workers), str(free_port())]
        environment = {**os.environ, "PROJECT": str(project.layout.project), "SLOWLY": str(SLOWLY)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        started.append(process)
        assert process.stdout is not None
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{int(process.stdout.readline())}", trust_env=False, timeout=30
        )
        clients.append(client)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                client.get("/")
                return client
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError("the service did not start")

    yield start
    for client in clients:
        client.close()
    for process in started:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def flight(number: int, distance: float, **changed: object) -> dict[str, object]:
    """A flight every four minutes, so fifteen a window."""
    when = clock.to_iso(START + number * 240 * clock.SECOND)
    return {"distance": distance, "carrier": "AA", "when": when, **changed}


def logged(project: Project) -> dict[str, tuple[float, float, str | None]]:
    """Prediction id -> distance, probability of being late, the caller's id."""
    found = {}
    for segment in reader.segments(project.layout.logs("delay")):
        head = reader.header(segment.path)
        assert head is not None
        for record in reader.read(segment.path):
            for row in range(record.rows):
                id_ = f"{head.release}-{segment.source}-{segment.number}-{record.start}-{row}"
                callers = record.ids[row] if record.ids else None
                found[id_] = (float(record.columns[0][row]), float(record.values[row][1]), callers)  # type: ignore[arg-type]
    return found


def test_every_answer_stands_in_the_log_under_the_id_that_its_header_names(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    client = served(2)
    for number in range(20):
        with httpx.Client(base_url=client.base_url, trust_env=False) as fresh:  # so that both processes are asked
            answer = fresh.post(
                "/score", json=flight(number, number * 60.0), headers={"X-Request-Id": f"call-{number}"}
            )
        assert answer.json() == {"score": number / 100}
        id_ = answer.headers["x-prediction-id"]
        assert answer.headers["x-prediction-rows"] == "1"
        assert logged(project)[id_] == (number * 60.0, pytest.approx(number / 100), f"call-{number}")
        assert parse(id_).release == 1
    many = client.post(
        "/columns", json={"distance": [600.0, 1200.0], "carrier": ["AA", "UA"], "when": ["2026-01-01", ""]}
    )
    first = many.headers["x-prediction-id"]
    assert many.headers["x-prediction-rows"] == "2"
    assert logged(project)[first.removesuffix("-0") + "-1"][:2] == (1200.0, pytest.approx(0.2))


def test_what_the_service_took_beyond_the_contract_is_flagged_and_what_it_refused_is_counted(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    client = served(1)
    assert client.post("/score", json=flight(0, 5500.0)).status_code == 200
    refused = client.post("/score", json=flight(1, 7000.0))
    assert refused.status_code == 422
    assert "x-prediction-id" not in refused.headers
    client.post("/score", json=flight(2, 100.0))
    records = [one for segment in reader.segments(project.layout.logs("delay")) for one in reader.read(segment.path)]
    assert [(one.rows, one.flags, one.refused) for one in records] == [
        (1, ((0, "distance"),), {}),
        (0, (), {"distance": 1}),
        (1, (), {}),
    ]


def test_the_service_goes_on_when_the_log_cannot_be_written_and_it_is_recorded_again_when_it_can(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    client = served(1)
    logs = project.layout.logs("delay")
    logs.parent.joinpath("log").write_text("a file where the folder should be")
    answer = client.post("/score", json=flight(0, 60.0))
    assert (answer.status_code, answer.json()) == (200, {"score": 0.01})
    assert "x-prediction-id" not in answer.headers
    logs.unlink()
    assert "x-prediction-id" in client.post("/score", json=flight(1, 60.0)).headers


def test_an_answer_waits_no_longer_than_is_allowed_and_is_recorded_all_the_same(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    answer = served(1).post("/hurried", json=flight(0, 300.0))
    assert answer.json() == {"score": 0.05}
    until = time.monotonic() + 30
    while not logged(project) and time.monotonic() < until:
        time.sleep(0.05)
    assert [one[0] for one in logged(project).values()] == [300.0]


def test_nothing_answered_is_lost_when_the_process_is_killed(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    client = served(1)
    ids = [client.post("/score", json=flight(number, 60.0)).headers["x-prediction-id"] for number in range(30)]
    os.kill(client.get("/").json(), signal.SIGKILL)
    run_record(project.layout.project, once=True)
    assert not logged(project)
    table = DeltaTable(str(project.layout.predictions("delay")))
    rows = QueryBuilder().register("predictions", table).execute("SELECT prediction_id FROM predictions")
    assert sorted(pa.table(rows)["prediction_id"].to_pylist()) == sorted(ids)


def test_production_is_compared_with_the_first_recorded_rows_and_drift_raises_an_alarm(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    client, source = served(1), random.Random(0)
    folder = project.layout.project

    def ask(numbers: range, low: float, high: float) -> set[int]:
        answers = [client.post("/score", json=flight(number, source.uniform(low, high))) for number in numbers]
        return {parse(answer.headers["x-prediction-id"]).release for answer in answers}

    assert ask(range(600), 0, 2000) == {1}
    run_record(folder, once=True)
    _, second = adopt_service(project, (), Origin(recorded=600))
    assert (second.number, second.classes, second.origin) == (2, ("no", "yes"), "recorded")
    time.sleep(1.1)  # the service looks once a second
    assert ask(range(600, 1200), 0, 2000) == {2}
    run_record(folder, once=True)
    run_watch(folder, once=True)
    assert project.ledger.entries("evidence", "delay")
    assert not project.ledger.entries("alarm", "delay")
    assert ask(range(1200, 1800), 3000, 5000) == {2}
    run_record(folder, once=True)
    run_watch(folder, once=True)
    evidence = [entry.decode(WindowEvidence) for entry in project.ledger.entries("evidence", "delay")]
    assert {one.release for one in evidence} == {2}
    (alarm, *_) = [entry.decode(Alarm) for entry in project.ledger.entries("alarm", "delay")]
    assert {moved.payoff for moved in alarm.moved} & {"distance", "score"}


def test_production_is_compared_with_a_sample_that_the_service_itself_answered(
    project: Project, served: Callable[[int], httpx.Client], tmp_path: Path
) -> None:
    client = served(1)
    rows = [{**flight(number, 10.0 * number), "when": START // 1000 + number * 240_000_000} for number in range(200)]
    table = pa.Table.from_pylist(rows)
    instants = table["when"].cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(table.set_column(2, "when", instants), tmp_path / "sample.parquet")
    source = Origin(sample=tmp_path / "sample.parquet", url=f"{client.base_url}/score")
    _, made = adopt_service(project, (), source)
    assert (made.number, made.origin) == (2, "sample")
    assert made.reference is not None
    reference = counting.decode(project.objects.get(made.reference))
    assert {one.name: one.rows for one in reference.payoffs} == dict.fromkeys(
        ("distance", "carrier", "score", "confidence"), 200
    )
    pq.write_table(table.set_column(2, "when", instants).slice(0, 50), tmp_path / "sample.parquet")
    with pytest.raises(Refused, match="at least 100"):
        adopt_service(project, (), source)


def test_how_long_the_service_took_stands_in_its_log_failures_too_and_refusals_not(
    project: Project, served: Callable[[int], httpx.Client]
) -> None:
    client = served(1)
    answers = [client.post("/slowly", json=flight(number, distance)) for number, distance in enumerate((60, -1, 9000))]
    assert [answer.status_code for answer in answers] == [200, 500, 422]
    until, took = time.monotonic() + 30, np.empty(0, np.int64)
    while len(took) < 2 and time.monotonic() < until:  # the last ones wait for a moment's silence
        time.sleep(0.05)
        logs = reader.segments(project.layout.logs("delay"))
        took = np.concatenate([took[:0], *(times_in(segment.path) for segment in logs)])
    assert len(took) == 2
    assert (took >= SLOWLY / 2 * clock.SECOND).all()  # a loop may wake up a little early


def times_in(path: Path) -> NDArray[np.int64]:
    head = reader.header(path)
    assert head is not None
    return frame(head, list(reader.read(path))).took


def test_answers_later_than_promised_are_counted_once_and_raise_an_alarm_beyond_the_share_that_may_be(
    tmp_path: Path,
) -> None:
    promised = CONTRACT.replace("[serving]", "[serving]\np99_ms = 20") + "slow = 0.01\n"
    (tmp_path / "shipworthy.toml").write_text(promised)
    project = open_project(tmp_path, needs="serving")
    adopt_service(project, ("no", "yes"), Origin())
    write_through(project, range(300), [])
    adopt_service(project, (), Origin(recorded=300))
    for hour in range(20, 60):
        write_through(project, range(15 * hour, 15 * hour + 15), [5, 12, 20, 35 if hour < 30 else 5] * 3)
    with project.ledger.reading() as connection:
        rows = connection.execute(select(window_counts.c.counts)).scalars()
        counted = [decode(content) for content in rows]
    assert (sum(one.requests for one in counted), sum(one.slow for one in counted)) == (40 * 12, 10 * 3)
    run_watch(tmp_path, once=True)
    alarms = [entry.decode(Alarm) for entry in project.ledger.entries("alarm", "delay")]
    alarm = next(one for one in alarms if one.cause == "requests")
    assert "requests answered later than serving.p99_ms" in alarm.words


def write_through(project: Project, numbers: range, took: list[int]) -> None:
    """What a process of the service writes of flights and of times (ms), recorded twice."""
    folder = project.layout.project
    log = ServiceLog(
        services.find(folder), lambda body: [json.loads(body)], lambda _: [Said(probabilities=(0.7, 0.3))], Tally()
    )
    for number in numbers:
        log.put(Exchange(clock.now(), json.dumps(flight(number, number % 5 * 60.0)).encode(), b""))
    for milliseconds in took:
        log.took(milliseconds * clock.SECOND // 1000)
    log.close()
    run_record(folder, once=True)
    run_record(folder, once=True)


def test_a_project_that_knows_no_service_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="adopt-service"):
        RecordPredictions(None, project=tmp_path)  # type: ignore[arg-type]


def test_a_dialect_that_is_none_stops_the_service_at_its_start(project: Project) -> None:
    with pytest.raises(WrongUse, match="expected one of"):
        RecordPredictions(None, project=project.layout.project, dialect="rowss")  # type: ignore[arg-type]


def test_a_service_needs_rows_for_its_reference(project: Project) -> None:
    with pytest.raises(WrongUse, match="nothing is recorded yet"):
        adopt_service(project, (), Origin(recorded=600))
    with pytest.raises(WrongUse, match="--sample needs --url"):
        adopt_service(project, (), Origin(sample=Path("rows.csv")))
    shutil.rmtree(project.layout.state / "models")
