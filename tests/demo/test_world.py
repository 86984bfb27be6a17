"""Every flight is asked about once, whatever the server does meanwhile, and its outcome is told when it is known."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from shipworthy import clock
from shipworthy.demo import client
from shipworthy.demo.truth import FLIGHTS, OUTCOMES, instants
from shipworthy.demo.world import AHEAD, Replayed, World
from shipworthy.errors import WrongUse

DAYS = 9  # of the fortnight that are past when the replay begins
SAID = {"release": 3, "predictions": [{"probabilities": {"false": 0.75, "true": 0.25}}]}


@dataclass
class Server:
    """A real server on loopback; `answer` says with which status and body, or None: it hangs up."""

    answer: Callable[[dict], tuple[int, object] | None]
    asked: list[str] = field(default_factory=list)  # ids in the order in which they came
    times: list[float] = field(default_factory=list)
    lines: set[asyncio.Task | None] = field(default_factory=set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await self.hung_up()

    async def hung_up(self) -> None:
        """Until every caller has."""
        await asyncio.gather(*(line for line in self.lines if line is not None))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                asked = msgspec.json.decode(await reader.readexactly(length))
                self.asked.append(asked["id"])
                self.times.append(asyncio.get_running_loop().time())
                said = self.answer(asked)
                if said is None:
                    return
                body = msgspec.json.encode(said[1])
                writer.write(b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%s" % (said[0], len(body), body))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            pass
        finally:
            writer.close()


def replay(world: World, server: Server, **how: object) -> Replayed:
    async def play() -> Replayed:
        async with server.running() as url:
            return await world.replay(url, **how)

    return asyncio.run(play())


@pytest.fixture
def world(fortnight: pa.Table, tmp_path: Path) -> World:
    made = World(fortnight, tmp_path, DAYS)
    made.prepare()
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.0001)


def due(world: World) -> list[str]:
    """Ids of the flights that are to be asked about, in order."""
    later = instants(world.flights, "scheduled_departure") >= world.start
    return world.flights["id"].filter(pa.array(later)).to_pylist()


def test_every_flight_from_the_start_on_is_asked_about_once(world: World) -> None:
    server = Server(lambda _: (200, SAID))
    replayed = replay(world, server)
    assert sorted(server.asked) == sorted(due(world))
    assert (replayed.sent, replayed.answered, replayed.dropped, replayed.repeated) == (len(server.asked),) * 2 + (0, 0)
    assert replayed.by_release == {3: replayed.sent}
    assert replayed.statuses == {200: replayed.sent}
    assert np.flatnonzero(replayed.releases == 3).tolist() == np.flatnonzero(replayed.scores == 0.25).tolist()


@pytest.mark.usefixtures("impatient")
def test_nothing_is_dropped_where_connections_die_and_the_server_is_busy(world: World) -> None:
    luck = random.Random(7)
    answered: set[str] = set()

    def moody(asked: dict) -> tuple[int, object] | None:
        fate = luck.random()
        if fate < 0.1:
            return None
        if fate < 0.2:
            return 503, {"error": "busy"}
        answered.add(asked["id"])
        return 200, SAID

    replayed = replay(world, Server(moody))
    assert answered == set(due(world))
    assert (replayed.answered, replayed.dropped) == (replayed.sent, 0)
    assert replayed.repeated > 0


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_started_again_loses_no_request(world: World) -> None:
    async def play() -> Replayed:
        first, second = Server(lambda _: (200, SAID)), Server(lambda _: (200, {**SAID, "release": 4}))
        listening = await asyncio.start_server(first.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        started: list[asyncio.Task[asyncio.Server]] = []

        def until_the_hundredth(_: dict) -> tuple[int, object] | None:
            if len(first.asked) < 100:
                return 200, SAID
            if not started:
                listening.close()
                started.append(asyncio.create_task(asyncio.start_server(second.serve, "127.0.0.1", port)))
            return None

        first.answer = until_the_hundredth
        replayed = await world.replay(f"http://127.0.0.1:{port}")
        (await started[0]).close()
        await asyncio.gather(first.hung_up(), second.hung_up())
        return replayed

    replayed = asyncio.run(play())
    assert replayed.dropped == 0
    assert replayed.by_release == {3: 99, 4: replayed.sent - 99}


def test_a_refused_request_is_dropped_at_once_and_shown(world: World) -> None:
    ids = due(world)
    server = Server(lambda asked: (422, {"error": "no such airport"}) if asked["id"] == ids[7] else (200, SAID))
    replayed = replay(world, server)
    assert (replayed.sent, replayed.answered, replayed.dropped) == (len(ids), len(ids) - 1, 1)
    assert replayed.statuses == {200: len(ids) - 1, 422: 1}
    assert replayed.first_refusal == '422 {"error":"no such airport"}'
    assert server.asked.count(ids[7]) == 1


@pytest.mark.parametrize("said", [{"release": 3, "predictions": []}, {"release": 3}, ["what"]])
def test_an_answer_without_a_prediction_is_none(world: World, said: object) -> None:
    replayed = replay(world, Server(lambda _: (200, said)), until=world.start + clock.DAY)
    assert replayed.sent
    assert replayed.dropped == replayed.sent


@pytest.mark.usefixtures("impatient")
def test_without_a_server_every_request_is_dropped(world: World) -> None:
    replayed = asyncio.run(world.replay("http://127.0.0.1:9", until=world.start + clock.DAY // 2))
    assert replayed.sent
    assert replayed.dropped == replayed.sent
    assert replayed.statuses == {0: replayed.sent}


def test_gaps_in_the_weather_are_sent_as_null(world: World) -> None:
    asked: list[dict] = []
    replay(world, Server(lambda one: asked.append(one["rows"][0]) or (200, SAID)))
    assert {type(row["temp"]) for row in asked} == {float, type(None)}


def test_what_is_in_the_tables_was_known_by_then_and_nothing_that_was_is_missing(world: World, tmp_path: Path) -> None:
    filed = instants(world.flights, "filed_at")
    looked: list[int] = []

    def look(now: int) -> bool:
        midnight = (now - AHEAD) // clock.DAY * clock.DAY
        told = _rows(tmp_path / FLIGHTS)["id"].to_pylist()
        assert sorted(told) == sorted(
            world.flights["id"].filter(pa.array(filed < max(midnight, world.start))).to_pylist()
        )
        looked.append(len(told))
        return False

    replay(world, Server(lambda _: (200, SAID)), ahead=look)
    assert looked == sorted(looked)
    assert len(set(looked)) == 14 - DAYS + 1  # the last evening is another day in UTC


def test_in_the_end_all_outcomes_are_told_in_the_order_in_which_they_were_filed(world: World, tmp_path: Path) -> None:
    replay(world, Server(lambda _: (200, SAID)))
    assert sorted(_rows(tmp_path / FLIGHTS)["id"].to_pylist()) == sorted(world.flights["id"].to_pylist())
    outcomes = DeltaTable(tmp_path / OUTCOMES)
    newest = 0
    seen: set[str] = set()
    for version in range(outcomes.version() + 1):
        rows = _rows(tmp_path / OUTCOMES, version)
        news = rows.filter(pa.array([id_ not in seen for id_ in rows["id"].to_pylist()]))
        known = instants(news, "known_at")
        assert known.min() >= newest
        newest = known.max()
        seen |= set(news["id"].to_pylist())
    arrived = world.flights.filter(world.flights["late"].is_valid())
    assert seen == set(arrived["id"].to_pylist())


def test_the_world_waits_while_it_is_ahead(world: World) -> None:
    server = Server(lambda _: (200, SAID))
    asked_while_waiting: list[int] = []
    patience = iter([True] * 3)

    def ahead(_: int) -> bool:
        if len(server.asked) < 200:
            return False
        asked_while_waiting.append(len(server.asked))
        return next(patience, False)

    waiting: list[bool] = []
    replayed = replay(world, server, ahead=ahead, on_progress=lambda progress: waiting.append(progress.waiting))
    assert len(set(asked_while_waiting[:4])) == 1
    assert waiting.count(True) == 3
    assert replayed.waited > 0


def test_no_request_is_sent_before_its_moment(world: World) -> None:
    server = Server(lambda _: (200, SAID))
    replay(world, server, pace=lambda: 500.0, until=world.start + clock.DAY)
    order = {id_: place for place, id_ in enumerate(due(world))}
    started = server.times[0]
    slack = 0.005  # the clock of the loop is read before the request is on its way
    assert all(at - started >= order[id_] / 500 - slack for id_, at in zip(server.asked, server.times, strict=True))


def test_a_year_is_not_played_into_a_folder_that_has_one(world: World, fortnight: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="is there already"):
        World(fortnight, tmp_path, DAYS).prepare()


def _rows(path: Path, version: int | None = None) -> pa.Table:
    files = DeltaTable(path, version=version).file_uris()
    return pa.concat_tables([pq.read_table(file.removeprefix("file://")) for file in files])
