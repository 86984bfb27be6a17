"""Which segments stay, though they are recorded: a shadow has still to read them.

They stay up to so many bytes. Beyond those the oldest go, and the ledger says how many rows the shadow has missed: a
shadow that nobody runs does not fill the disk, and none is missed in silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from shipworthy.predictions.reader import Segment
from shipworthy.recording import batches
from shipworthy.recording.following import listed, rows_left, unrecorded
from shipworthy.recording.shadow import key
from shipworthy.store.ledger import Ledger

KIND = "shadow-missed"
LOOK = 1.0  # seconds for which an answer holds


class Missed(msgspec.Struct, frozen=True):
    """Ledger kind "shadow-missed", subject the shadow's number, key "<number>:<source>:<segment>"."""

    version: int  # 1
    release: int  # the shadow
    source: str
    segment: int
    rows: int  # that it has not read before they went
    bytes: int


class Held:
    """Asked by the recorder, segment by segment, which are recorded to their end."""

    def __init__(self, ledger: Ledger, model: str, logs: Path, limit: int, shadow: Callable[[], int | None]) -> None:
        """limit: bytes; shadow: the number of the release that is the shadow now."""
        self._ledger, self._model, self._logs, self._limit, self._shadow = ledger, model, logs, limit, shadow
        self._kept: set[tuple[str, int]] = set()
        self._looked = float("-inf")

    def __call__(self, segment: Segment) -> bool:
        if (segment.source, segment.number) not in self._kept or time.monotonic() - self._looked > LOOK:
            self._look()
        return (segment.source, segment.number) in self._kept

    def _look(self) -> None:
        release, self._looked = self._shadow(), time.monotonic()
        self._kept = set()
        if release is None:
            return
        left = 0
        for segment, size, newest in sorted(self._unread(release), key=lambda one: -one[0].path.stat().st_mtime_ns):
            left += size
            if left <= self._limit or not segment.finished:
                self._kept.add((segment.source, segment.number))
            else:
                missed = Missed(1, release, segment.source, segment.number, rows_left(segment, newest), size)
                where = f"{release}:{segment.source}:{segment.number}"
                self._ledger.append_once(KIND, self._model, missed, key=where, subject=str(release))

    def _unread(self, release: int) -> list[tuple[Segment, int, batches.Batch | None]]:
        found = []
        for source, segments in listed(self._logs):
            newest = batches.newest(self._ledger, self._model, key(release)(source))
            found += [(segment, size, newest) for segment in segments if (size := unrecorded(segment, newest)[0])]
        return found


def missed_rows(ledger: Ledger, model: str, release: int) -> int:
    """Rows that went before a shadow had read them."""
    return sum(entry.decode(Missed).rows for entry in ledger.entries(KIND, model, subject=str(release)))
