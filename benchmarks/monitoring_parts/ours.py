"""What our evidence says of every window of a job: reference, regime and witnesses are those of the product."""

from __future__ import annotations

import numpy as np
from monitoring_parts.detectors import texts
from monitoring_parts.scenarios import Job

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts.windows import count_by_window
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.monitoring.gathering import follow
from shipworthy.monitoring.grouping import by_group
from shipworthy.monitoring.promise import chance_a_window, select

PROMISE = Monitoring(drift=0.05, false_alarms=1)  # a window is a day
CHANCE = chance_a_window(PROMISE)
START = clock.from_iso("2024-01-01T00:00:00")  # a Monday


def says(job: Job) -> tuple[np.ndarray, str]:
    """(windows,) log of the evidence after each, and how rows were counted."""
    feature = Feature(name=job.column, type="category" if job.category else "float", nullable=True)
    before, times = _rows(job, job.reference, 0)
    reference = frozen((feature,), Rows([before], times), Rows([before[:1]], None), np.zeros((1, 1)), PROMISE)
    after, times = _rows(job, job.windows, len(job.reference))
    found = count_by_window(reference, times, [after], np.zeros((len(after), 1)), times=times)
    payoff, regime = reference.payoffs[0], reference.regimes[0]
    compared = np.array(payoff.by_group or payoff.counts)
    tables = [by_group(reference, found[start])[0] for start in sorted(found)]
    readings = follow(compared, payoff.bins.ordered, regime, tables)
    return np.array([reading.log_sum for reading in readings]), regime.bets


def fires(log_sums: np.ndarray, watched: int) -> np.ndarray:
    """(columns, windows) whether each column alarms, of their evidence; `watched` of them share the promise."""
    found = np.zeros(log_sums.shape, dtype=bool)
    for window, evidence in enumerate(log_sums.T):
        found[list(select(evidence.tolist(), CHANCE, watched).chosen), window] = True
    return found


def _rows(job: Job, values: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) values as the product takes them, and the beginnings of their windows."""
    flat = values.ravel()
    starts = START + (first + np.arange(len(values))) * clock.DAY
    return texts(flat) if job.category else flat, np.repeat(starts, values.shape[1])
