"""Rows and sums of scores in every cell of a payoff, window by window, in one pass over blocks that stay in the cache.

A row weighs 2**36 plus its score, a whole number of at most `outputs.UNIT`, which is less than 2**20. Over a block of
2**16 rows the scores add up to less than 2**36 and all of it to less than 2**53, so that one weighted count in double
precision holds both exactly, and gives the same whole numbers as two.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy.counts import bins
from shipworthy.counts.bins import BLOCK, Bins

Integers = NDArray[np.int64]
_ROW = 2**36


class Rows:
    """n rows: which window each belongs to, and its score."""

    def __init__(self, windows: Integers, scores: NDArray[np.float64]) -> None:
        """windows: (n,) start of each row's window; scores: (n,) whole numbers from 0 to UNIT."""
        self.starts, self.index = _grouped(windows)  # (w,) ascending; (n,) position among them
        self._scores = scores
        self._weights = scores + _ROW

    def tally(self, cells: Bins, values: NDArray[np.generic]) -> Integers:
        """(2, w, bins) of a payoff's values, (n,): rows in every bin, and the sum of their scores."""
        find = bins.finder(cells)
        length = len(self.starts) * find.width
        found = self._in_blocks(find, values, length) if length <= BLOCK else self._at_once(find, values, length)
        by_window = found.reshape(2, len(self.starts), find.width)
        into = np.zeros((2, len(self.starts), cells.size), dtype=np.int64)
        for place, code in enumerate(find.codes.tolist()):
            into[:, :, code] += by_window[:, :, place]
        return into

    def per_window(self) -> Integers:
        """(w,) rows of every window."""
        return np.bincount(self.index, minlength=len(self.starts))

    def _in_blocks(self, find: bins.Finder, values: NDArray[np.generic], length: int) -> Integers:
        found = np.zeros((2, length), dtype=np.int64)
        keys = np.empty(min(BLOCK, len(values)), dtype=np.int64)
        single = len(self.starts) == 1
        for start in range(0, len(values), BLOCK):
            end = min(start + BLOCK, len(values))
            places, block = find(values[start:end]), keys[: end - start]
            if single:
                np.copyto(block, places)
            else:
                np.multiply(self.index[start:end], find.width, out=block)
                block += places
            both = np.bincount(block, self._weights[start:end], length).astype(np.int64)
            found[0] += both >> 36
            found[1] += both & (_ROW - 1)
        return found

    def _at_once(self, find: bins.Finder, values: NDArray[np.generic], length: int) -> Integers:
        """With so many windows that a table of all is larger than a block of rows."""
        keys = self.index * find.width
        for start in range(0, len(values), BLOCK):
            keys[start : start + BLOCK] += find(values[start : start + BLOCK])
        found = np.empty((2, length), dtype=np.int64)
        found[0] = np.bincount(keys, minlength=length)
        found[1] = np.bincount(keys, self._scores, length)
        return found


def _grouped(windows: Integers) -> tuple[Integers, Integers]:
    """`np.unique` with its inverse. Rows mostly come in the order of time: runs of one window are looked at once."""
    first = np.concatenate([[True], windows[1:] != windows[:-1]]) if len(windows) else np.zeros(0, dtype=bool)
    begins = np.flatnonzero(first)
    encoded = pa.array(windows[begins]).dictionary_encode()  # a hash is several times faster than a sort
    distinct = encoded.dictionary.to_numpy()
    order = np.argsort(distinct)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    of_runs = rank[encoded.indices.to_numpy()]
    return distinct[order], np.repeat(of_runs, np.diff(begins, append=len(windows)))
