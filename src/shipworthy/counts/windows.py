"""Counts of one window: whole numbers only, so that adding them is exact in any order and any grouping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts import bins
from shipworthy.counts.outputs import UNIT, watched, whole_scores
from shipworthy.counts.packing import pack, unpack
from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.slots import of_times
from shipworthy.counts.tallying import Rows
from shipworthy.errors import WrongUse
from shipworthy.models.records import Columns

VERSION = 1
_CELLS = np.dtype("<i8")


class Counts(msgspec.Struct, frozen=True):
    """What was seen in one window of one source, for the release that answered."""

    version: int
    identity: str  # of the reference whose bins these are
    rows: int
    late: int  # of them, rows whose own window had closed before they came
    cells: bytes  # int64, little-endian, (2, bins of all payoffs): rows in a bin, sum of their scores in UNIT
    violations: dict[str, int] = {}  # feature -> values outside the contract that were let through
    refused: dict[str, int] = {}  # feature -> requests that were refused for it
    by_slot: tuple[tuple[int, bytes], ...] = ()  # slot, and packed rows in a bin of all payoffs; slots with rows alone
    requests: int = 0  # answered, of which it is known how long they took
    slow: int = 0  # of them, those that took longer than the contract promises for 99 of 100

    @property
    def table(self) -> NDArray[np.int64]:
        """(2, bins of all payoffs), read only."""
        return np.frombuffer(self.cells, dtype=_CELLS).reshape(2, -1)

    def of_payoffs(self, reference: Reference) -> list[NDArray[np.int64]]:
        """Rows in every bin, one (bins,) array a payoff, in the reference's order."""
        return np.split(self.table[0], _offsets(reference)[1:-1])

    def slots_of_payoffs(self, reference: Reference) -> tuple[list[int], list[NDArray[np.int64]]]:
        """The slots that hold rows, and rows in every bin of them, one (slots, bins) array a payoff."""
        offsets = _offsets(reference)
        tables = [unpack(content, 1, offsets[-1]) for _, content in self.by_slot]
        table = np.concatenate(tables) if tables else np.zeros((0, offsets[-1]), dtype=np.int64)
        return [slot for slot, _ in self.by_slot], np.split(table, offsets[1:-1], axis=1)

    def scores_of_payoffs(self, reference: Reference) -> list[NDArray[np.float64]]:
        """Sum of the scores of every bin's rows, in units of the score above `score_low`; shaped like `of_payoffs`."""
        unit = (reference.score_high - reference.score_low) / UNIT
        return np.split(self.table[1] * unit, _offsets(reference)[1:-1])


def empty(reference: Reference) -> Counts:
    """A window in which nothing was seen: adding it changes nothing."""
    return Counts(VERSION, reference.identity, 0, 0, bytes(2 * _CELLS.itemsize * _offsets(reference)[-1]))


def count(
    reference: Reference,
    columns: Columns,
    answers: NDArray[np.float64],
    times: NDArray[np.int64] | None = None,
) -> Counts:
    """Counts of n rows of one window. columns: one (n,) array a feature, in the contract's order; answers: (n, k);
    times: (n,) ns, by which slots of time are told; None: all of them that of 1970.
    """
    starts = np.zeros(len(answers), dtype=np.int64)
    return count_by_window(reference, starts, columns, answers, times=times).get(0, empty(reference))


def count_by_window(
    reference: Reference,
    windows: NDArray[np.int64],
    columns: Columns,
    answers: NDArray[np.float64],
    *,
    times: NDArray[np.int64] | None = None,
    late: NDArray[np.bool_] | None = None,
    flags: Sequence[tuple[int, str]] = (),
) -> dict[int, Counts]:
    """Counts of n rows by the window that each belongs to.

    windows: (n,) start of each row's window (see `place`); times: (n,) ns of the rows themselves, by which slots are
    told, else by their windows; late: (n,) rows put into a later window than their own; flags: (row, feature) of values
    outside the contract that were let through.
    """
    offsets = _offsets(reference)
    outputs = watched(answers)
    together = Rows(windows, whole_scores(outputs[0][1], reference.score_low, reference.score_high))
    starts, index = together.starts, together.index
    tables = np.empty((len(starts), 2, offsets[-1]), dtype=_CELLS)
    values = [_values(payoff, columns, outputs) for payoff in reference.payoffs]
    for payoff, of_payoff, low, high in zip(reference.payoffs, values, offsets[:-1], offsets[1:], strict=True):
        tables[:, :, low:high] = together.tally(payoff.bins, of_payoff).transpose(1, 0, 2)
    rows = together.per_window()
    lates = np.bincount(index, late, minlength=len(starts)) if late is not None else np.zeros(len(starts))
    violations = _flagged(index, flags, len(starts))
    slots = _by_slot(reference, index, values, windows if times is None else times)
    return {
        int(start): Counts(
            VERSION,
            reference.identity,
            int(rows[i]),
            int(lates[i]),
            tables[i].tobytes(),
            violations[i],
            {},
            tuple(slots.get(i, ())),
        )
        for i, start in enumerate(starts)
    }


def _values(
    payoff: Payoff, columns: Columns, outputs: Sequence[tuple[str, NDArray[np.float64]]]
) -> NDArray[np.generic]:
    if payoff.pair is not None:
        return payoff.pair.of(columns)
    return columns[payoff.column] if payoff.origin == "feature" else outputs[payoff.column][1]


def _by_slot(
    reference: Reference,
    index: NDArray[np.int64],
    values: Sequence[NDArray[np.generic]],
    times: NDArray[np.int64],
) -> dict[int, list[tuple[int, bytes]]]:
    """Position of each window -> its slots with rows, ascending, and their packed counts."""
    slots, found = reference.slots, dict[int, list[tuple[int, bytes]]]()
    if slots is None:
        return found
    if slots.season == "segment":
        place = next(i for i, payoff in enumerate(reference.payoffs) if payoff.name == slots.segment)
        own = bins.assign(reference.payoffs[place].bins, values[place]).astype(np.int64)
    else:
        own = of_times(slots.season, times, slots.zone)
    together = Rows(index * slots.size + own, np.zeros(len(own)))
    tables = [
        together.tally(payoff.bins, of_payoff)[0] for payoff, of_payoff in zip(reference.payoffs, values, strict=True)
    ]
    for key, row in zip(together.starts.tolist(), np.concatenate(tables, axis=1), strict=True):
        found.setdefault(key // slots.size, []).append((key % slots.size, pack(row)))
    return found


def refusals(reference: Reference, refused: Mapping[str, int]) -> Counts:
    """A window's refused requests, by the feature that was at fault."""
    return msgspec.structs.replace(empty(reference), refused=dict(refused))


def latencies(reference: Reference, requests: int, slow: int) -> Counts:
    """A window's requests, and how many of them were slow."""
    return msgspec.structs.replace(empty(reference), requests=requests, slow=slow)


def add(one: Counts, other: Counts) -> Counts:
    """Both together. WrongUse where they were counted in different bins."""
    if one.identity != other.identity:
        raise WrongUse(f"counts of two references ({one.identity[:12]} and {other.identity[:12]}) cannot be added")
    return Counts(
        VERSION,
        one.identity,
        one.rows + other.rows,
        one.late + other.late,
        (one.table + other.table).tobytes(),
        _both(one.violations, other.violations),
        _both(one.refused, other.refused),
        _slots_of_both(one, other),
        one.requests + other.requests,
        one.slow + other.slow,
    )


def encode(counts: Counts) -> bytes:
    """Canonical bytes: equal counts give equal bytes."""
    return _encoder.encode(counts)


def decode(content: bytes) -> Counts:
    """The counts of `encode`."""
    found = _decoder.decode(content)
    if found.version != VERSION:
        raise WrongUse(f"counts of format {found.version}: this shipworthy reads format {VERSION}")
    return found


def first_open(newest: int, window: int, lateness: int) -> int:
    """Start of the first window still open when the newest event time is `newest`: a window closes at the watermark."""
    watermark = newest - lateness
    return watermark - watermark % window


def place(times: NDArray[np.int64], window: int, open_from: int | None) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(n,) window of every row, and (n,) whether it is late: its own is closed, so that the first open one takes it."""
    own = times // window * window  # a remainder would take five times as long
    if open_from is None:
        return own, np.zeros(len(times), dtype=bool)
    return np.maximum(own, open_from), own < open_from


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Counts)


def _offsets(reference: Reference) -> list[int]:
    """Where each payoff's bins begin in a table, and where the last one's end."""
    return [0, *accumulate(payoff.bins.size for payoff in reference.payoffs)]


def _slots_of_both(one: Counts, other: Counts) -> tuple[tuple[int, bytes], ...]:
    if not one.by_slot or not other.by_slot:
        return one.by_slot or other.by_slot
    width = len(one.cells) // (2 * _CELLS.itemsize)
    found: dict[int, NDArray[np.int64]] = {slot: unpack(content, 1, width) for slot, content in one.by_slot}
    for slot, content in other.by_slot:
        table = unpack(content, 1, width)
        found[slot] = found[slot] + table if slot in found else table
    return tuple((slot, pack(found[slot])) for slot in sorted(found))


def _flagged(index: NDArray[np.int64], flags: Sequence[tuple[int, str]], windows: int) -> list[dict[str, int]]:
    found: list[dict[str, int]] = [{} for _ in range(windows)]
    for row, feature in flags:
        of_window = found[int(index[row])]
        of_window[feature] = of_window.get(feature, 0) + 1
    return found


def _both(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
