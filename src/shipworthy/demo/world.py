"""The world, in which flights leave and land: it asks the running server about each, and tells what became of them.

An hour before its scheduled departure every flight is asked about once, in that order and under its own id. Before the
first flight of a new day (UTC) the outcomes that were filed until then are appended to the project's Delta tables. The
world knows nothing of alarms, releases or refreshes; it only slows down where it is told to.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.demo.client import Callers, Reply
from shipworthy.demo.flights import FEATURES
from shipworthy.demo.truth import Truth, instants

AHEAD = clock.HOUR  # how long before the scheduled departure a flight is asked about
SLICE = 250  # flights asked about between two looks at the pace
LOOK = 0.02  # seconds between two looks while the world waits

Pace = Callable[[], float | None]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replay has come."""

    now: int  # the world's time, ns
    sent: int
    answered: int
    total: int  # flights that will be asked about
    waiting: bool  # until those who watch have caught up


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of all requests. Every flight that was sent is either answered or dropped."""

    sent: int  # flights asked about
    answered: int  # with 200 and a prediction
    dropped: int  # without, after all tries
    repeated: int  # tries beyond the first
    by_release: dict[int, int]  # release -> answers
    statuses: dict[int, int]  # status of the last try -> flights; 0: no answer at all
    first_refusal: str  # the body of the first answer that was none, for the person who has to find out why
    seconds: float
    waited: float  # seconds of these in which the world waited for those who watch
    scores: NDArray[np.float64]  # (all flights,): probability of being late as answered; NaN where not asked
    releases: NDArray[np.int32]  # (all flights,): who answered; 0 where nobody did


class Said(msgspec.Struct):
    """One row of an answer, as far as the world reads it."""

    probabilities: dict[str, float]


class Answer(msgspec.Struct):
    """The body of an answer to POST /predict, as far as the world reads it."""

    release: int
    predictions: list[Said]


class World:
    """A year of flights, of which the first days are past."""

    def __init__(self, flights: pa.Table, project: Path, first_days: int = 90) -> None:
        """`flights` as `demo.flights.read` gives them; outcomes go into `project`/data. Days are those of UTC."""
        self.flights = flights
        self._departures = instants(flights, "scheduled_departure")
        self.start = int(self._departures[0]) // clock.DAY * clock.DAY + first_days * clock.DAY
        self._first = int(np.searchsorted(self._departures, self.start, side="left"))
        self._truth = Truth(flights, project)

    def prepare(self) -> int:
        """Make the Delta tables with what is known when the replay starts; how many flights those are."""
        return self._truth.tell(self.start)

    async def replay(
        self,
        url: str,
        *,
        pace: Pace = lambda: None,
        ahead: Callable[[int], bool] = lambda _: False,
        on_progress: Callable[[Progress], None] = lambda _: None,
        until: int | None = None,
        connections: int = 16,
    ) -> Replayed:
        """Ask the server at `url` about every flight from the start on, and tell the outcomes as they become known.

        pace: the rate to keep just now, in requests a second; None: as fast as it goes.
        ahead: whether the world, come to this event time (ns), has to wait for those who watch. Asked until it says no.
        until: the event time (ns) before which the replay ends; None: the last flight.
        """
        last = len(self._departures) if until is None else int(np.searchsorted(self._departures, until, side="left"))
        tally = _Tally(len(self._departures), max(0, last - self._first))
        started = time.monotonic()
        async with Callers(url, "/predict", connections) as callers:
            for begin, end in self._slices(last):
                now = int(self._departures[begin])
                self._truth.tell(_midnight(now - AHEAD))
                while ahead(now):
                    on_progress(tally.progress(now, waiting=True))
                    await asyncio.sleep(LOOK)
                    tally.waited += LOOK
                tally.take(begin, await callers.ask(requests(self.flights.slice(begin, end - begin)), pace()))
                on_progress(tally.progress(int(self._departures[end - 1]), waiting=False))
        if last > self._first:
            self._truth.tell(self._end_of(last))
        return tally.replayed(time.monotonic() - started)

    def _slices(self, last: int) -> Iterator[tuple[int, int]]:
        """The flights to be asked about, cut so that none reaches over a midnight of those who ask."""
        days = (self._departures - AHEAD) // clock.DAY
        begin = self._first
        while begin < last:
            midnight = int(np.searchsorted(days, days[begin], side="right"))
            end = min(begin + SLICE, midnight, last)
            yield begin, end
            begin = end

    def _end_of(self, last: int) -> int:
        """When the outcomes of a replay that ends before flight `last` are told: after a year, when all have landed."""
        if last < len(self._departures):
            return _midnight(int(self._departures[last]) - AHEAD)
        return int(self._departures[-1]) + 3 * clock.DAY


def requests(flights: pa.Table) -> list[bytes]:
    """The JSON body of each flight's request: one row, and the flight's id. Nulls stay nulls, instants are ISO 8601."""
    place = flights.schema.get_field_index("scheduled_departure")
    seconds = flights["scheduled_departure"].cast(pa.timestamp("s"))
    readable = flights.set_column(place, "scheduled_departure", pc.strftime(seconds, "%Y-%m-%dT%H:%M:%SZ"))  # type: ignore[arg-type]
    ids = readable["id"].to_pylist()
    encode = msgspec.json.Encoder().encode
    return [
        encode({"id": id_, "rows": [row]})
        for id_, row in zip(ids, readable.select(list(FEATURES)).to_pylist(), strict=True)
    ]


def _midnight(instant: int) -> int:
    """The newest midnight (UTC) that is over."""
    return instant // clock.DAY * clock.DAY


class _Tally:
    """Counts as the replies come in."""

    def __init__(self, flights: int, total: int) -> None:
        self.waited = 0.0
        self._total = total
        self._sent = self._answered = self._repeated = 0
        self._statuses: Counter[int] = Counter()
        self._refusal = ""
        self._scores = np.full(flights, np.nan)
        self._releases = np.zeros(flights, dtype=np.int32)
        self._decode = msgspec.json.Decoder(Answer).decode

    def take(self, begin: int, replies: list[Reply]) -> None:
        """The replies to flights begin, begin + 1, …"""
        for index, reply in enumerate(replies, begin):
            self._sent += 1
            self._repeated += reply.tries - 1
            self._statuses[reply.status] += 1
            answer = self._read(reply)
            if answer is None:
                self._refusal = self._refusal or f"{reply.status} {reply.body[:500].decode(errors='replace')}"
                continue
            self._answered += 1
            self._scores[index] = answer.predictions[0].probabilities["true"]
            self._releases[index] = answer.release

    def progress(self, now: int, *, waiting: bool) -> Progress:
        return Progress(now, self._sent, self._answered, self._total, waiting)

    def replayed(self, seconds: float) -> Replayed:
        releases, answers = np.unique(self._releases[self._releases > 0], return_counts=True)
        return Replayed(
            sent=self._sent,
            answered=self._answered,
            dropped=self._sent - self._answered,
            repeated=self._repeated,
            by_release=dict(zip(releases.tolist(), answers.tolist(), strict=True)),
            statuses=dict(self._statuses),
            first_refusal=self._refusal,
            seconds=seconds,
            waited=self.waited,
            scores=self._scores,
            releases=self._releases,
        )

    def _read(self, reply: Reply) -> Answer | None:
        """The answer, or None where it is not one."""
        if reply.status != 200:
            return None
        try:
            answer = self._decode(reply.body)
        except msgspec.DecodeError:
            return None
        return answer if len(answer.predictions) == 1 and "true" in answer.predictions[0].probabilities else None
