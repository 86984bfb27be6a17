"""What our evidence says of every window of a job: reference, regime and witnesses are those of the product."""

from __future__ import annotations

import numpy as np
from monitoring_parts.detectors import texts
from monitoring_parts.scenarios import Job

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts import bins, reference
from shipworthy.counts.reference import Payoff
from shipworthy.monitoring.gathering import follow
from shipworthy.monitoring.promise import chance_a_window, select
from shipworthy.monitoring.self_consistency import regime

PROMISE = Monitoring(drift=0.05, false_alarms=1)  # a window is a day
CHANCE = chance_a_window(PROMISE)


def says(job: Job) -> tuple[np.ndarray, str]:
    """(windows,) log of the evidence after each, and how rows were counted."""
    built = _payoff(job)
    settled = regime(built, PROMISE)
    codes = bins.assign(built.bins, _values(job, job.windows)).reshape(job.windows.shape)
    counts = [np.bincount(window, minlength=built.bins.size) for window in codes]
    readings = follow(built.counts, built.bins.ordered, settled, counts)
    return np.array([reading.log_sum for reading in readings]), settled.bets


def fires(log_sums: np.ndarray, watched: int) -> np.ndarray:
    """(columns, windows) whether each column alarms, of their evidence; `watched` of them share the promise."""
    found = np.zeros(log_sums.shape, dtype=bool)
    for window, evidence in enumerate(log_sums.T):
        found[list(select(evidence.tolist(), CHANCE, watched).chosen), window] = True
    return found


def _payoff(job: Job) -> Payoff:
    times = np.repeat(np.arange(len(job.reference)) * clock.DAY, job.reference.shape[1])
    feature = Feature(name=job.column, type="category" if job.category else "float", nullable=True)
    return reference.build(
        (feature,), [_values(job, job.reference)], times, np.zeros((1, 1)), None, window=PROMISE.window
    ).payoffs[0]


def _values(job: Job, values: np.ndarray) -> np.ndarray:
    return texts(values.ravel()) if job.category else values.ravel()
