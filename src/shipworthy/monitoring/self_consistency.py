"""The reference must not raise an alarm against itself.

It is cut into stretches of time, and each is watched as if it were production, against the rest. The first way of
counting that stays silent on every stretch is taken, payoff by payoff: rows one by one; one bet a window, because rows
of a window depend on each other (the weather is shared by all flights of an hour); more drift allowed. Anything else
would cry wolf on the first day.
"""

from __future__ import annotations

from math import log

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Monitoring
from shipworthy.counts.reference import Origin, Payoff, Reference, Regime
from shipworthy.monitoring.evidence import Evidence
from shipworthy.monitoring.promise import chance_a_window

STRETCHES = 6
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
    limit = log(1 / chance_a_window(monitoring))
    drift, count = monitoring.drift, len(windows)
    sample = f"the {_SAMPLE[payoff.origin]}"
    if count < FEWEST_WINDOWS:
        words = (
            f"one bet a window, beyond {drift:.0%}: {sample} spans {count} windows, too few to be held against itself "
            f"({FEWEST_WINDOWS} are needed)"
        )
        return Regime(payoff.name, "window", drift, words)
    if count >= FEWEST_FOR_ROWS and _silent(payoff, windows, Regime(payoff.name, "row", drift, ""), limit):
        words = f"rows count one by one, beyond {drift:.0%}: no stretch of {sample} would have raised an alarm"
        return Regime(payoff.name, "row", drift, words)
    reason = (
        f"counted row by row, {sample} would have raised an alarm against itself"
        if count >= FEWEST_FOR_ROWS
        else f"{sample} spans {count} windows, too few to trust rows one by one ({FEWEST_FOR_ROWS} are needed)"
    )
    allowed = _smallest_drift(payoff, windows, drift, limit)
    if allowed == drift:
        return Regime(payoff.name, "window", drift, f"one bet a window, beyond {drift:.0%}: {reason}")
    words = (
        f"one bet a window, beyond {allowed:.0%}: {payoff.name} moves by that much between stretches of {sample}, so "
        "that only more counts"
    )
    return Regime(payoff.name, "window", allowed, words)


def _smallest_drift(payoff: Payoff, windows: NDArray[np.int64], drift: float, limit: float) -> float:
    """The contract's drift, or the smallest number of hundredths above it, that is silent with one bet a window."""

    def silent(allowed: float) -> bool:
        return _silent(payoff, windows, Regime(payoff.name, "window", allowed, ""), limit)

    if silent(drift):
        return drift
    low, high = int(drift * _STEPS), _STEPS  # low is not silent; at 100% no bet is possible, so high is
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if silent(max(middle / _STEPS, drift)) else (middle, high)
    return high / _STEPS


def _silent(payoff: Payoff, windows: NDArray[np.int64], regime: Regime, limit: float) -> bool:
    """Whether no stretch of the reference, watched against the rest of it, reaches the limit."""
    whole = np.array(payoff.counts, dtype=np.int64)
    for stretch in np.array_split(windows, STRETCHES):
        rest = whole - stretch.sum(axis=0)
        if not rest.sum():
            return False
        evidence = Evidence(rest.tolist(), payoff.bins.ordered, regime)
        if any(evidence.add(counts).log_sum >= limit for counts in stretch):
            return False
    return True
