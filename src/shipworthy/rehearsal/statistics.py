"""How many requests show that a latency is kept, and what a count of late ones says. Pure.

A request is late with a probability that nobody knows. "p99 is kept" says that it is at most 1%. With k late ones among
n the claim holds with confidence C where a share of exactly 1% would give k or fewer late ones with a probability of at
most 1 - C: the exact binomial test (Clopper and Pearson 1934), as in the early stopping of MLPerf Inference. The number
of requests is chosen before the first is sent and looked at once: to look again until it fits would spend confidence.
"""

from __future__ import annotations

import math
from typing import Literal

Judgement = Literal["passed", "blocked", "undecided"]


def at_most(late: int, requests: int, share: float) -> float:
    """P(X <= late) of a binomial X of `requests` tries with probability `share`."""
    if late < 0:
        return 0.0
    if late >= requests:
        return 1.0
    hit, miss, whole = math.log(share), math.log1p(-share), math.lgamma(requests + 1)
    terms = (
        whole - math.lgamma(k + 1) - math.lgamma(requests - k + 1) + k * hit + (requests - k) * miss
        for k in range(late + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def requests_needed(late: int, quantile: float = 0.99, confidence: float = 0.99) -> int:
    """The fewest requests among which `late` late ones still show that the quantile is kept: 459 for none at p99."""
    low, high = late, late + 1
    while at_most(late, high, 1 - quantile) > 1 - confidence:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if at_most(late, middle, 1 - quantile) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def late_allowed(requests: int, quantile: float = 0.99, confidence: float = 0.99) -> int:
    """The most late ones among `requests` that still show that the quantile is kept; -1 where none would."""
    low, high = -1, max(1, requests)
    while high - low > 1:
        middle = (low + high) // 2
        if at_most(middle, requests, 1 - quantile) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def late_refuting(requests: int, quantile: float = 0.99, confidence: float = 0.99) -> int:
    """The fewest late ones among `requests` that show that the quantile is broken; requests + 1 where none would."""
    low, high = 0, requests + 1
    while high - low > 1:
        middle = (low + high) // 2
        if 1 - at_most(middle - 1, requests, 1 - quantile) <= 1 - confidence:
            high = middle
        else:
            low = middle
    return high


def judge(requests: int, late: int, quantile: float = 0.99, confidence: float = 0.99) -> Judgement:
    """What `late` among `requests` say of the quantile: kept, broken, or too few to tell."""
    if late <= late_allowed(requests, quantile, confidence):
        return "passed"
    if late >= late_refuting(requests, quantile, confidence):
        return "blocked"
    return "undecided"


def requests_within(seconds: float, rate: float, quantile: float = 0.99, confidence: float = 0.99) -> int | None:
    """How many requests to send at `rate` in at most `seconds`; None where even a run without a late one is too short.

    Ten late ones are allowed for where there is time, which is where more requests hardly buy more: 2,010 at p99.
    """
    possible = int(seconds * rate)
    for late in range(10, -1, -1):
        needed = requests_needed(late, quantile, confidence)
        if needed <= possible:
            return needed
    return None
