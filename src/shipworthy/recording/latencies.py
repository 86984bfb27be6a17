"""How long answers took, counted into the windows: from the workers' own figures, once a minute.

Workers count from their first start on, so what is new is what they say less what stands in the windows already. That
is read in the transaction that adds to it, so that it is counted once, whoever else does the same. Such requests have
no event time; like refused ones they count with the newest rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts, decode, latencies
from shipworthy.recording.counting import add_counts, read_newest
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import window_counts

SOURCE = "latency"  # no worker's: theirs have a dash
EVERY = 60.0  # seconds

Answered = Mapping[int, tuple[int, int]]  # release -> requests, slow ones


class _Known(NamedTuple):
    """What stands in the windows."""

    window: int  # the newest, by its start
    in_window: int  # requests in it
    requests: int
    slow: int


class Latencies:
    """Counts one model's latencies."""

    def __init__(
        self,
        ledger: Ledger,
        model: str,
        reference_of: Callable[[int], Reference | None],
        read: Callable[[], Answered],
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """read: what workers have counted so far; seconds: a clock that never goes back."""
        self._ledger, self._model, self._reference_of, self._read = ledger, model, reference_of, read
        self._seconds, self._again = seconds, float("-inf")
        self._known: dict[int, _Known] = {}
        self._lost: dict[int, tuple[int, int]] = {}  # counted once by workers whose figures were removed since

    def step(self, *, now: bool = False) -> bool:
        """Count what is new, where it is time to or `now`; whether there was anything."""
        if not now and self._seconds() < self._again:
            return False
        self._again = self._seconds() + EVERY
        seen = self._read()
        with self._ledger.transaction() as connection:
            newest = read_newest(connection, self._model)
            if newest is None:
                return False
            return sum(self._count(connection, release, *said, newest) for release, said in seen.items()) > 0

    def _count(self, connection: Connection, release: int, requests: int, slow: int, newest: int) -> bool:
        reference = self._reference_of(release)
        if reference is None:
            return False
        known = self._standing(connection, release)
        if requests < known.requests - self._lost.get(release, (0, 0))[0]:
            self._lost[release] = known.requests - requests, known.slow - slow
        lost = self._lost.get(release, (0, 0))
        new = requests + lost[0] - known.requests, max(0, slow + lost[1] - known.slow)
        if new[0] <= 0:
            return False
        start = max(newest - newest % reference.window, known.window)
        counted = latencies(reference, new[0], min(new))
        add_counts(connection, self._model, release, SOURCE, {start: counted})
        in_window = known.in_window + new[0] if start == known.window else new[0]
        self._known[release] = _Known(start, in_window, known.requests + new[0], known.slow + min(new))
        return True

    def _standing(self, connection: Connection, release: int) -> _Known:
        """What the windows hold. Remembered, and read anew where somebody else has counted since."""
        key = (
            window_counts.c.model == self._model,
            window_counts.c.release == release,
            window_counts.c.source == SOURCE,
        )
        query = select(window_counts.c.window, window_counts.c.counts).where(*key)
        known = self._known.get(release)
        if known is not None:
            rows = connection.execute(query.where(window_counts.c.window >= known.window)).all()
            if [(row.window, decode(row.counts).requests) for row in rows] == [(known.window, known.in_window)]:
                return known
        return _together([(row.window, decode(row.counts)) for row in connection.execute(query)])


def _together(windows: Sequence[tuple[int, Counts]]) -> _Known:
    if not windows:
        return _Known(0, 0, 0, 0)
    newest, counts = max(windows, key=lambda window: window[0])
    requests, slow = sum(one.requests for _, one in windows), sum(one.slow for _, one in windows)
    return _Known(newest, counts.requests, requests, slow)
