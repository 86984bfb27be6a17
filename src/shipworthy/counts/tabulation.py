"""Rows of a reference by window and by slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shipworthy.counts import bins
from shipworthy.counts.bins import Bins, Codes
from shipworthy.counts.packing import pack
from shipworthy.counts.slots import UTC, Season, Slots, of_times, size_of
from shipworthy.models.records import Columns

KEPT_WINDOWS = 2_000  # the newest of the reference that are kept one by one
NO_WINDOW = -1  # stands for the windows that are not, and for rows without times

Table = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class By:
    """What rows of a reference are told apart by."""

    season: Season
    segment: str | None = None  # of season "segment": the feature whose bins are the slots
    held: Columns | None = None  # features of the rows held out, by which their segment is told
    zone: str = UTC  # whose clocks tell the hours


@dataclass(frozen=True, slots=True)
class Segment:
    """The feature whose bins are the slots."""

    bins: Bins
    place: int  # among the columns


@dataclass(frozen=True, slots=True)
class RawSlots:
    """Which slot each of n rows lies in."""

    of_rows: NDArray[np.int64]  # (n,)
    size: int


@dataclass(frozen=True, slots=True)
class Timed:
    """Which kept window, and which slot, every row of a sample lies in."""

    starts: tuple[int, ...]
    index: NDArray[np.int64]  # (n,) position in starts, negative for rows older than what is kept; (0,) without times
    slotted: RawSlots | None
    cells: tuple[tuple[int, int], ...]  # window's position or NO_WINDOW, and slot, of all that hold a row
    of_cells: NDArray[np.intp]  # (n,) position in cells

    @classmethod
    def of(cls, times: NDArray[np.int64] | None, window: int, slotted: RawSlots | None) -> Timed:
        """times: (n,) ns; None where nothing says when."""
        starts: tuple[int, ...] = ()
        index = np.zeros(0, dtype=np.int64)
        if times is not None:
            numbers = np.asarray(times, dtype=np.int64) // window
            last = int(numbers.max())
            first = max(int(numbers.min()), last - KEPT_WINDOWS + 1)
            starts, index = tuple(number * window for number in range(first, last + 1)), numbers - first
        if slotted is None:
            return cls(starts, index, None, (), np.zeros(0, dtype=np.intp))
        places = np.maximum(index, NO_WINDOW) if len(index) else np.full(len(slotted.of_rows), NO_WINDOW)
        keys, of_cells = np.unique((places + 1) * slotted.size + slotted.of_rows, return_inverse=True)
        cells = tuple((key // slotted.size - 1, key % slotted.size) for key in keys.tolist())
        return cls(starts, index, slotted, cells, of_cells)

    def by_window(self, codes: Codes, size: int) -> Table:
        """Counts of `size` bins in every kept window."""
        if not self.starts:
            return ()
        kept = self.index >= 0
        cells = self.index[kept] * size + codes[kept]
        table = np.bincount(cells, minlength=len(self.starts) * size).reshape(-1, size)
        return tuple(tuple(row) for row in table.tolist())

    def by_cell(self, codes: Codes, size: int) -> bytes:
        """Counts of `size` bins in every cell, packed."""
        if self.slotted is None:
            return b""
        return pack(np.bincount(self.of_cells * size + codes, minlength=len(self.cells) * size))

    def slots(self, by: By) -> Slots | None:
        """What windows are to be counted by."""
        if self.slotted is None:
            return None
        rows = np.bincount(self.slotted.of_rows, minlength=self.slotted.size)
        return Slots(by.season, tuple(rows.tolist()), by.segment or "", by.zone)


def raw_slots(
    by: By | None, segment: Segment | None, times: NDArray[np.int64] | None, columns: Columns | None
) -> RawSlots | None:
    """Slots of n rows by the bins of their segment, or else by their times. None where nothing tells them."""
    if segment is not None:
        if columns is None:
            return None
        codes = bins.assign(segment.bins, columns[segment.place])
        return RawSlots(codes.astype(np.int64), segment.bins.size)
    if by is None or times is None:
        return None
    return RawSlots(of_times(by.season, np.asarray(times, dtype=np.int64), by.zone), size_of(by.season))
