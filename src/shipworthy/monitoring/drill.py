"""A drill: a drift is put into a copy of recent windows, and what watches has to raise its alarm. Pure.

The copy is followed as production is, by the same evidence against the same threshold, and never written anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, cycle, islice

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Monitoring
from shipworthy.counts.packing import pack, unpack
from shipworthy.counts.reference import Payoff, Reference, Regime
from shipworthy.counts.windows import Counts, empty
from shipworthy.monitoring import alarming
from shipworthy.monitoring.following import Followed, Following

LONGEST = 200  # windows with the drift after which an alarm is given up
CALM = 5  # windows without it, before
ROWS = 1_000  # of a window made up from the reference, where nothing says how many there are


class Drilled(msgspec.Struct, frozen=True):
    """What came of a drill."""

    payoff: str  # what was moved
    share: float  # of the rows that were moved
    windows: int | None  # with the drift until the alarm; None: there was none
    words: str  # the alarm's; "" without one


def drill(reference: Reference, monitoring: Monitoring, watched: int, recent: Sequence[Counts] = ()) -> Drilled:
    """Move one feature in a copy of `recent` windows (or of windows made up from the reference) and follow it.

    watched: the number of things that share the promise on false alarms. The feature that may move least is taken; the
    share is well above what the reference itself tells it may.
    """
    following = Following(0, reference, monitoring, watched)
    index = _most_sensitive(following.reference)
    regime = following.reference.regimes[index]
    share = min(0.95, 0.5 + regime.drift)
    calm = [counts for counts in recent if counts.rows] or [expected(following.reference)]
    followed: list[tuple[int, Counts]] = []
    alarm: Followed | None = None
    drifted = 0
    for start, counts, is_drifted in _copies(reference, calm, index, share):
        found = following.follow(start, counts)
        followed.append((start, counts))
        drifted += is_drifted
        if found.evidence.standing >= 0:
            alarm = found
            break
    name = reference.payoffs[index].name
    if alarm is None or not drifted:
        return Drilled(name, share, None, "")
    raised = alarming.of_drift(alarm, following.reference, followed, repeated=False)
    words = alarming.drift_words(raised.moved, raised.since)  # not what it did to scores: rows were moved without them
    return Drilled(name, share, drifted, words)


def expected(reference: Reference) -> Counts:
    """A window of ROWS rows that are spread as the reference's are, over its slots too."""
    slots = (1,) if reference.slots is None else reference.slots.rows
    (rows,) = _spread([np.array(slots, dtype=np.float64)], [ROWS])
    tables = np.zeros((len(rows), empty(reference).table.shape[1]), dtype=np.int64)
    for index, (low, high) in enumerate(_places(reference)):
        tables[:, low:high] = _spread([_shares(reference, index, slot) for slot in range(len(rows))], rows.tolist())
    cells = np.stack([tables.sum(axis=0), np.zeros_like(tables[0])])
    by_slot = tuple((slot, pack(tables[slot])) for slot in np.flatnonzero(rows).tolist())
    return msgspec.structs.replace(
        empty(reference), rows=ROWS, cells=cells.tobytes(), by_slot=() if reference.slots is None else by_slot
    )


def moved(reference: Reference, counts: Counts, index: int, share: float) -> Counts:
    """The window, with `share` of the rows of each bin of a payoff moved to where the reference has least."""
    low, high = _places(reference)[index]
    rarest = _rarest(reference.payoffs[index])
    table = counts.table.copy()
    for row in table:
        _move(row[low:high], rarest, share)
    by_slot: list[tuple[int, bytes]] = []
    for slot, content in counts.by_slot:
        row = unpack(content, 1, table.shape[1])[0]
        _move(row[low:high], rarest, share)
        by_slot.append((slot, pack(row)))
    if by_slot:  # moved slot by slot, and rounded so
        table[0] = sum(unpack(content, 1, table.shape[1])[0] for _, content in by_slot)
    return msgspec.structs.replace(counts, cells=table.tobytes(), by_slot=tuple(by_slot))


def _move(cells: NDArray[np.int64], to: int, share: float) -> None:
    leaving = (cells * share).astype(np.int64)
    cells -= leaving
    cells[to] += leaving.sum()


def _spread(weights: Sequence[NDArray[np.float64]], rows: Sequence[int]) -> NDArray[np.int64]:
    """(slots, n) whole numbers, in each slot as many as its rows, in proportion to its weights, (n,).

    What rounding leaves of one slot counts in the next: a slot of six rows alone would hold the heaviest bins only, and
    so would all of them together.
    """
    owed = np.zeros(len(weights[0]))
    found = np.zeros((len(weights), len(owed)), dtype=np.int64)
    for slot, (weight, held) in enumerate(zip(weights, rows, strict=True)):
        owed += weight / max(1.0, float(weight.sum())) * held
        found[slot] = np.clip(np.floor(owed), 0, None)
        left = held - int(found[slot].sum())
        nearest = np.argsort(found[slot] - owed, kind="stable")  # those that are owed most, first
        if left >= 0:
            found[slot] += left // len(owed)  # nothing but rounding is left, unless a slot has no weights at all
            found[slot, nearest[: left % len(owed)]] += 1
        else:
            found[slot, [at for at in nearest[::-1] if found[slot, at]][:-left]] -= 1
        owed -= found[slot]
    return found


def _shares(reference: Reference, index: int, slot: int) -> NDArray[np.float64]:
    """(bins,) what the reference holds of a payoff in a slot, or in all where its slots are not told apart."""
    payoff, regime = reference.payoffs[index], reference.regimes[index] if reference.regimes else None
    counts = payoff.by_group[regime.groups[slot]] if regime is not None and regime.groups else payoff.counts
    return np.asarray(counts, dtype=np.float64)


def _copies(
    reference: Reference, calm: Sequence[Counts], index: int, share: float
) -> Iterator[tuple[int, Counts, bool]]:
    before = islice(cycle(calm), CALM)
    after = (moved(reference, counts, index, share) for counts in islice(cycle(calm), LONGEST))
    windows = [*((counts, False) for counts in before), *((counts, True) for counts in after)]
    for number, (counts, is_drifted) in enumerate(windows):
        yield number * reference.window, counts, is_drifted


def _most_sensitive(reference: Reference) -> int:
    """The feature that may move least before it counts, of those the one with bets on rows."""

    def allowed(place: int) -> tuple[bool, float, bool]:
        regime: Regime = reference.regimes[place]
        return reference.payoffs[place].origin != "feature", regime.drift, regime.bets == "window"

    return min(range(len(reference.payoffs)), key=allowed)


def _rarest(payoff: Payoff) -> int:
    return int(np.argmin(payoff.counts))


def _places(reference: Reference) -> list[tuple[int, int]]:
    ends = list(accumulate(payoff.bins.size for payoff in reference.payoffs))
    return list(zip([0, *ends[:-1]], ends, strict=True))
