"""The reference must not raise an alarm against itself.

It is cut into stretches of time, and each is watched as if it were production, against the rest; then all of it, in
order, against itself, for spells that outlast a stretch. The first way of counting that stays silent is taken, payoff
by payoff: rows one by one; one bet a window, because rows of a window depend on each other (the weather is shared by
all flights of an hour), with the reference's error that such rows leave; more drift allowed. Anything else would cry
wolf on the first day.
"""

from __future__ import annotations

from math import log

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Monitoring
from shipworthy.counts.reference import Origin, Payoff, Reference, Regime
from shipworthy.monitoring.clustering import STRETCHES, design_effect
from shipworthy.monitoring.gathering import FEWEST_ORDERED, Evidence
from shipworthy.monitoring.promise import chance_a_window
from shipworthy.monitoring.witnesses.fixed import cells, half_lines

FEWEST_WINDOWS = 2 * STRETCHES  # below, a stretch is a single window and shows nothing
FEWEST_FOR_ROWS = 5 * STRETCHES  # below, silence is no sign that rows do not depend on each other
_STEPS = 100  # drift is raised in hundredths

_SAMPLE: dict[Origin, str] = {"feature": "training history", "output": "rows held out"}


def settle(reference: Reference, monitoring: Monitoring) -> Reference:
    """The reference with the regime of every payoff: the same reference and promise give the same regimes."""
    regimes = tuple(regime(payoff, monitoring) for payoff in reference.payoffs)
    return msgspec.structs.replace(reference, regimes=regimes)


def regime(payoff: Payoff, monitoring: Monitoring) -> Regime:
    """The first way of counting that keeps the promise on every stretch of the reference."""
    windows = np.array(payoff.by_window, dtype=np.int64).reshape(-1, payoff.bins.size)
    limit, drift = log(1 / chance_a_window(monitoring)), monitoring.drift
    sample = f"the {_SAMPLE[payoff.origin]}"
    by_row = Regime(payoff.name, "row", drift, "")
    if len(windows) >= FEWEST_FOR_ROWS and _silent(payoff, windows, by_row, limit):
        words = f"rows count one by one, beyond {drift:.0%}: no stretch of {sample} would have raised an alarm"
        return msgspec.structs.replace(by_row, words=words)
    once = _one_bet_a_window(payoff, windows, drift)
    if len(windows) < FEWEST_WINDOWS:
        reason = (
            f"{sample} spans {len(windows)} windows, too few to be held against itself ({FEWEST_WINDOWS} are needed)"
        )
    elif len(windows) < FEWEST_FOR_ROWS:
        reason = (
            f"{sample} spans {len(windows)} windows, too few to trust rows one by one ({FEWEST_FOR_ROWS} are needed)"
        )
    else:
        reason = f"counted row by row, {sample} would have raised an alarm against itself"
    if len(windows) >= FEWEST_WINDOWS:
        once = _raised(payoff, windows, once, limit)
    if once.drift > drift:
        reason = f"{payoff.name} moves by that much between stretches of {sample}, so that only more counts"
    worth = payoff.rows / max(once.cells_clustering, once.runs_clustering)
    words = (
        f"one bet a window, beyond {once.drift:.0%}: {reason}; "
        f"its {payoff.rows:,} rows tell as much as {worth:,.0f} independent ones"
    )
    return msgspec.structs.replace(once, words=words)


def _one_bet_a_window(payoff: Payoff, windows: NDArray[np.int64], drift: float) -> Regime:
    """With the reference's own error as large as its clusters make it."""
    bins, ordered = payoff.bins.size, payoff.bins.ordered
    of_cells = design_effect(windows, cells(bins))
    of_runs = design_effect(windows, half_lines(ordered, bins)) if ordered >= FEWEST_ORDERED else of_cells
    return Regime(payoff.name, "window", drift, "", of_cells, of_runs)


def _raised(payoff: Payoff, windows: NDArray[np.int64], once: Regime, limit: float) -> Regime:
    """The regime with its own drift, or with the smallest number of hundredths above it that is silent."""

    def allowing(drift: float) -> Regime:
        return msgspec.structs.replace(once, drift=drift)

    if _silent(payoff, windows, once, limit):
        return once
    low, high = int(once.drift * _STEPS), _STEPS  # low is not silent; at 100% no bet is possible, so high is
    while high - low > 1:
        middle = (low + high) // 2
        silent = _silent(payoff, windows, allowing(max(middle / _STEPS, once.drift)), limit)
        low, high = (low, middle) if silent else (middle, high)
    return allowing(high / _STEPS)


def _silent(payoff: Payoff, windows: NDArray[np.int64], regime: Regime, limit: float) -> bool:
    """Whether nothing reaches the limit: no stretch watched against the rest, nor all of it in order against itself."""
    whole = np.array(payoff.counts, dtype=np.int64)
    for stretch in np.array_split(windows, STRETCHES):
        rest = whole - stretch.sum(axis=0)
        if not rest.sum() or _alarms(payoff, rest, stretch, regime, limit):
            return False
    return not _alarms(payoff, whole, windows, regime, limit)


def _alarms(
    payoff: Payoff, reference: NDArray[np.int64], windows: NDArray[np.int64], regime: Regime, limit: float
) -> bool:
    evidence = Evidence(reference.tolist(), payoff.bins.ordered, regime)
    return any(evidence.add(counts).log_sum >= limit for counts in windows)
