"""When requests are meant to arrive: a Poisson stream, the same for the same seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def poisson(rate: float, requests: int, seed: int) -> NDArray[np.int64]:
    """Nanoseconds from the start to each of `requests` arrivals, `rate` a second on average; rising."""
    gaps = np.random.default_rng(seed).exponential(1e9 / rate, requests)
    return np.cumsum(gaps).astype(np.int64)
