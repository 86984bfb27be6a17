"""Answers of a connection in the order of its requests, where they are not made in that order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from shipworthy.serving.exchange import Answerable, Exchange
from shipworthy.serving.responses import Reply


class Turns:
    """Who waits for which answers. Requests that nothing was asked before or beside are passed through as they are."""

    def __init__(self) -> None:
        self._waiting: dict[Answerable, deque[_Turn]] = {}

    def ordered(self, exchanges: Sequence[Exchange]) -> Iterable[Exchange]:
        """The requests of one tick, those that need it with a turn of their own to answer to."""
        if not self._waiting and len({exchange.sender for exchange in exchanges}) == len(exchanges):
            return exchanges
        return [self.wait(exchange) for exchange in exchanges]

    def wait(self, exchange: Exchange) -> Exchange:
        """A request that may be answered later than those behind it. Once is enough."""
        if isinstance(exchange.sender, _Turn):
            return exchange
        turn = _Turn(self, exchange.sender)
        self._waiting.setdefault(exchange.sender, deque()).append(turn)
        return msgspec.structs.replace(exchange, sender=turn)

    def answered(self, sender: Answerable) -> None:
        """An answer is there: write all that nothing stands before."""
        turns = self._waiting[sender]
        while turns and turns[0].said is not None:
            turns.popleft().pass_on()
        if not turns:
            del self._waiting[sender]


class _Turn:
    """Stands for the connection, for one of its requests."""

    __slots__ = ("_sender", "_turns", "said")

    def __init__(self, turns: Turns, sender: Answerable) -> None:
        self._turns, self._sender = turns, sender
        self.said: tuple[Reply, bool, bool] | None = None

    def reply(self, reply: Reply, *, close: bool, bodyless: bool) -> None:
        """Take the answer."""
        self.said = reply, close, bodyless
        self._turns.answered(self._sender)

    def pass_on(self) -> None:
        """It is its turn."""
        if self.said is not None:
            reply, close, bodyless = self.said
            self._sender.reply(reply, close=close, bodyless=bodyless)
