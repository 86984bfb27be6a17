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
    calm = [counts for counts in recent if counts.rows] or [expected(reference)]
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
    """A window of ROWS rows that are spread as the reference's are."""
    table = np.zeros_like(empty(reference).table)
    for payoff, (low, high) in zip(reference.payoffs, _places(reference), strict=True):
        share = np.asarray(payoff.counts, dtype=np.float64) / max(1, payoff.rows)
        whole = np.floor(share * ROWS).astype(np.int64)
        whole[int(share.argmax())] += ROWS - int(whole.sum())
        table[0, low:high] = whole
    return msgspec.structs.replace(empty(reference), rows=ROWS, cells=table.tobytes())


def moved(reference: Reference, counts: Counts, index: int, share: float) -> Counts:
    """The window, with `share` of the rows of each bin of a payoff moved to where the reference has least."""
    low, high = _places(reference)[index]
    table = counts.table.copy()
    for row in table:
        cells: NDArray[np.int64] = row[low:high]
        leaving = (cells * share).astype(np.int64)
        cells -= leaving
        cells[_rarest(reference.payoffs[index])] += leaving.sum()
    return msgspec.structs.replace(counts, cells=table.tobytes())


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
