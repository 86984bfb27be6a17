"""Ticks of nothing but requests for one row each, which is what a busy worker's ticks are made of.

They are answered as any others (`answering`, `predicting`), and byte by byte the same; only what is done request by
request there is done here for all of them together. Whatever is unusual in the slightest (a row that breaks the
contract, several rows, a deadline, a model or a log that fails) makes the whole tick go the usual way instead: nothing
was logged or sent by then.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from shipworthy.serving.exchange import Exchange
from shipworthy.serving.live import Live
from shipworthy.serving.predicting import MOST_ROWS, LogFailed, Predicting
from shipworthy.serving.responses import Reply


class Singles:
    """Answers such ticks with one release."""

    def __init__(self, live: Live, predicting: Predicting) -> None:
        self._native, self._predicting = live.native, predicting

    def replies(self, exchanges: Sequence[Exchange], targets: Container[bytes], arrived: int) -> list[Reply] | None:
        """The answers, logged already; None where the tick has to go the usual way.

        targets: paths that our own way of asking for predictions has.
        """
        if len(exchanges) > MOST_ROWS:
            return None
        for exchange in exchanges:
            head = exchange.head
            if not head.plain or head.target not in targets or exchange.problem is not None:
                return None
        try:
            rows, ids = self._native.read_singles([exchange.body for exchange in exchanges])
            columns, values = self._predicting.ask(rows)
        except Exception:  # whatever it is, it is found again, and told to whom it concerns
            return None
        try:
            offset = self._predicting.log(arrived, columns, values, ids if any(ids) else None, [], {})
        except LogFailed:
            return None
        begin = self._predicting.begin(offset).encode()
        return [Reply(200, body) for body in self._native.write_singles(begin, values, ids)]
