"""All requests of one turn of the event loop: read, predicted in one model call, logged, answered in order."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence

import msgspec

from shipworthy import clock
from shipworthy.predictions.log import LogWriter
from shipworthy.serving.admission import Ask, Pace, decided
from shipworthy.serving.answer import Answer
from shipworthy.serving.exchange import Answerable, Exchange
from shipworthy.serving.live import Live
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.predicting import LogFailed, Outcome, Predicting, in_batches
from shipworthy.serving.problems import Overloaded, Problem, reply_to
from shipworthy.serving.responses import Reply
from shipworthy.serving.routes import Dialect, Order, Page, Routes
from shipworthy.serving.rows import Call
from shipworthy.serving.singles import Singles

_logger = logging.getLogger(__name__)


class _Asked(msgspec.Struct, frozen=True, gc=False):
    """A prediction request that was read and is to be answered."""

    place: int  # among the tick's exchanges
    dialect: Dialect
    call: Call
    deadline: float | None  # seconds from its sending
    sent: float  # when, at the earliest, as far as its connection knows


HERE = 0.95  # share of a deadline that is spent here: the rest is for the way to the caller, which nobody sees


class Answering:
    """Answers a worker's requests with its release."""

    def __init__(self, live: Live, log: LogWriter, metrics: Metrics, routes: Routes) -> None:
        self.metrics = metrics
        self.log_failure = ""  # why the log cannot be written now; "" while it can
        self._log, self._routes = log, routes
        self._predicting = Predicting(live, log, metrics)
        self._singles = Singles(live, self._predicting)
        self._live = live
        self._usual = _usual(live)
        self._pace = Pace(live.cost)
        self._paced = 0.0  # when the pace was last observed
        self.dated = False  # whether any request of the last tick had a deadline
        self._first = True  # nothing was predicted with this release yet

    @property
    def live(self) -> Live:
        """The release that answers."""
        return self._live

    def swap(self, live: Live, metrics: Metrics, routes: Routes) -> None:
        """Answer with another release from the next tick on; the log's new segment is open already."""
        self._live, self.metrics, self._routes = live, metrics, routes
        self._usual = _usual(live)
        self._pace = Pace(live.cost)
        self._first = True
        self._predicting = Predicting(live, self._log, metrics)
        self._singles = Singles(live, self._predicting)

    def answer(self, exchanges: Sequence[Exchange], began: float, waited: float = 0.0) -> None:
        """Answer everything that was read since the last tick, which began at `began` (time.perf_counter).

        Some of it may have waited `waited` seconds before it was read.
        """
        arrived = clock.now()
        self.dated = False
        if self._usual is None and not self.log_failure:
            singles = self._singles.replies(exchanges, self._routes.predict, arrived)
            if singles is not None:
                for exchange, reply in zip(exchanges, singles, strict=True):
                    exchange.sender.reply(reply, close=False, bodyless=False)
                self.metrics.status(200, len(singles))
                self._count_tick(len(singles), began)
                return
        self._answer_each(exchanges, arrived, began, waited)

    def _answer_each(self, exchanges: Sequence[Exchange], arrived: int, began: float, waited: float) -> None:
        replies: list[Reply | None] = [None] * len(exchanges)
        asked: list[_Asked] = []
        refused: dict[int, int] = {}
        for index, exchange in enumerate(exchanges):
            try:
                self._read(index, exchange, asked, replies)
            except Problem as problem:
                for feature in problem.refused:
                    refused[feature] = refused.get(feature, 0) + 1
                self._count(problem)
                replies[index] = reply_to(problem, plain=exchange.head.target.startswith(b"/v2"))
            except Exception:  # nobody else's request may go unanswered for one that cannot be read
                _logger.exception("a request for %r could not be read", exchange.head.target)
                replies[index] = reply_to(Problem(500, "the server failed to read this request"), plain=True)
        if self.dated:
            asked = self._admit(asked, began - waited, replies)
        left: list[int] | None = None
        if len(asked) != len(exchanges) and asked:
            left = self._send_early(exchanges, replies)
        taken_at = time.perf_counter()
        if asked or refused:
            self._predict(asked, arrived, refused, replies)
        self._send(exchanges, replies, left)
        if asked:
            self._observe(asked, began, taken_at)

    def _observe(self, asked: Sequence[_Asked], began: float, taken_at: float) -> None:
        """Learn from what the requests of a tick took, and count it."""
        if self.dated:
            self._paced = time.perf_counter()
            rows = sum(len(one.call.rows) for one in asked)
            self._pace = self._pace.after(rows, self._paced - taken_at)
        self._count_tick(len(asked), began)

    def _count_tick(self, requests: int, began: float) -> None:
        self.metrics.put("shipworthy_queue", requests)
        seconds = time.perf_counter() - began
        self.metrics.observe("shipworthy_request_seconds", seconds, requests)
        if self._first:
            self._first = False
            self.metrics.observe("shipworthy_first_request_seconds", seconds, requests)

    def _read(self, index: int, exchange: Exchange, asked: list[_Asked], replies: list[Reply | None]) -> None:
        if exchange.problem is not None:
            raise exchange.problem
        head = exchange.head
        found = self._routes.find(head.method, head.target)
        if isinstance(found, Page):
            replies[index] = found.make()
            return
        if isinstance(found, Order):
            replies[index] = found.do(exchange.body)
            return
        call = found.read(exchange.body, head.described)
        deadline = call.deadline or head.deadline or self._usual
        if deadline is not None:
            self.dated = True
        asked.append(_Asked(index, found, call, deadline, exchange.sent))

    def _admit(self, asked: Sequence[_Asked], sent: float, replies: list[Reply | None]) -> list[_Asked]:
        """Refuse what cannot be answered in time; `sent` is when the oldest may have been sent."""
        now = time.perf_counter()
        asks = []
        for one in asked:
            due = math.inf if one.deadline is None else HERE * one.deadline + min(one.sent, sent)
            asks.append(Ask(len(one.call.rows), due - now))
        fitting, self._pace = decided(asks, self._pace, Pace(self._live.cost), now - self._paced)
        taken: list[_Asked] = []
        said: dict[tuple[float | None, bool], Reply] = {}
        for one, fits in zip(asked, fitting, strict=True):
            if fits:
                taken.append(one)
                continue
            self.metrics.refused("deadline")
            key = one.deadline, one.dialect.plain_errors
            if key not in said:
                late = Overloaded(f"no answer is possible within {(one.deadline or 0) * 1000:g} ms now", "deadline")
                said[key] = reply_to(late, plain=one.dialect.plain_errors)
            replies[one.place] = said[key]
        return taken

    def _count(self, problem: Problem) -> None:
        if problem.reason:
            self.metrics.refused(problem.reason)

    def _predict(
        self, asked: Sequence[_Asked], arrived: int, refused: Mapping[int, int], replies: list[Reply | None]
    ) -> None:
        for feature, rows in refused.items():
            self.metrics.violation(self._live.description.features[feature].name, "refused", rows)
        outcomes: list[Outcome] = []
        try:
            if not asked:
                self._predicting.refuse(arrived, refused)
            for batch in in_batches([one.call for one in asked]):
                outcomes += self._predicting.answer(batch, arrived, refused)
                refused = {}
            self.log_failure = ""
        except LogFailed as failure:
            self.log_failure = str(failure)
            self.metrics.add("shipworthy_log_errors_total", max(len(asked), 1))
            failed = [Overloaded(self.log_failure, "log") for _ in range(len(asked) - len(outcomes))]
            for problem in failed:
                self._count(problem)
            outcomes += failed
        for one, outcome in zip(asked, outcomes, strict=True):
            replies[one.place] = _reply(one, outcome)

    def _send_early(self, exchanges: Sequence[Exchange], replies: Sequence[Reply | None]) -> list[int]:
        """Send what needs no model, before the model is asked; returns the places of what is left.

        A connection gets its answers in the order of its requests: behind one that is left, the others stay, too.
        """
        began = time.perf_counter()
        left: list[int] = []
        now: list[int] = []
        owing: set[Answerable] = set()
        for place, exchange in enumerate(exchanges):
            if replies[place] is None or exchange.sender in owing:
                owing.add(exchange.sender)
                left.append(place)
            else:
                now.append(place)
        self._send(exchanges, replies, now)
        if now and self.dated:
            self._pace = self._pace.after_refusals(len(now), time.perf_counter() - began)
        return left

    def _send(
        self, exchanges: Sequence[Exchange], replies: Sequence[Reply | None], places: Sequence[int] | None = None
    ) -> None:
        """Send the replies at some places, or all."""
        fine = 0
        if places is not None:
            exchanges, replies = [exchanges[place] for place in places], [replies[place] for place in places]
        for exchange, reply in zip(exchanges, replies, strict=True):
            head = exchange.head
            if reply is None:
                raise AssertionError(f"{head.target!r} has no reply")
            if reply.status == 200:
                fine += 1
            else:
                self.metrics.status(reply.status)
            exchange.sender.reply(reply, close=head.close, bodyless=head.method == b"HEAD")
        self.metrics.status(200, fine)


def _reply(one: _Asked, outcome: Outcome) -> Reply:
    if isinstance(outcome, Answer):
        return one.dialect.write(one.call, outcome)
    return reply_to(outcome, plain=one.dialect.plain_errors)


def _usual(live: Live) -> float | None:
    """The contract's deadline in seconds."""
    milliseconds = live.contract.serving.deadline_ms
    return None if milliseconds is None else milliseconds / 1000
