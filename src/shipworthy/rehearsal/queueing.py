"""What a model's cost does to latency, by simulation: where a search for the budget begins. Pure.

A worker takes all requests that wait and answers them with one model call, as the server does in each tick of its loop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.rehearsal.arrivals import poisson

_REQUESTS = 20_000
_HALVINGS = 12


def simulated_ms(rate: float, workers: int, call_ms: float, *, seed: int = 0) -> NDArray[np.float64]:
    """Latencies (n,) of Poisson requests, `rate` a second over all workers, where a call takes `call_ms`."""
    arrivals = poisson(rate, _REQUESTS, seed) / 1e6
    worker = np.random.default_rng(seed + 1).integers(0, workers, _REQUESTS)
    return np.concatenate([_of_worker(arrivals[worker == number], call_ms) for number in range(workers)])


def likely_budget_ms(rate: float, workers: int, limit_ms: float, platform_ms: float, quantile: float) -> float:
    """The largest cost of a call with which the simulated quantile and the platform's own stay within the limit."""
    low, high = 0.0, max(0.0, limit_ms - platform_ms)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if np.quantile(simulated_ms(rate, workers, middle), quantile) + platform_ms <= limit_ms:
            low = middle
        else:
            high = middle
    return low


def _of_worker(arrivals: NDArray[np.float64], call_ms: float) -> NDArray[np.float64]:
    """Latencies of one worker's requests: each call takes all that have arrived when the one before ends."""
    latencies = np.empty_like(arrivals)
    free, first = 0.0, 0
    while first < len(arrivals):
        begin = max(free, arrivals[first])
        last = int(np.searchsorted(arrivals, begin, side="right"))
        free = begin + call_ms
        latencies[first:last] = free - arrivals[first:last]
        first = last
    return latencies
