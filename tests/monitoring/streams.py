"""Seeded streams of windows, and references of known make, for the tests of this folder."""

import numpy as np

from shipworthy.contract.records import Monitoring
from shipworthy.counts.reference import Regime

ROWS = Regime("x", "row", 0.05, "")
ONE_BET = Regime("x", "window", 0.05, "")
DAILY = Monitoring()


def shares(seed, bins=12):
    """(bins,) a distribution over bins, none of them tiny."""
    found = np.random.default_rng(seed).dirichlet(np.full(bins, 8.0))
    return found / found.sum()


def moved(p, distance):
    """`p` with that much mass moved from its lower to its upper half."""
    half = len(p) // 2
    q = p.copy()
    q[:half] -= distance * p[:half] / p[:half].sum()
    q[half:] += distance * p[half:] / p[half:].sum()
    return q


def windows(seed, p, count, rows=500):
    """(count, bins) independent windows of independent rows."""
    return np.random.default_rng(seed).multinomial(rows, p, count)
