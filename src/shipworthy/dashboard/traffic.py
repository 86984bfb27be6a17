"""Traffic as the page sees it: the server's own metrics, read at intervals and kept for a while in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from shipworthy.dashboard.view import TrafficView

KEPT = 360  # points


class Reading(msgspec.Struct, frozen=True):
    """The server's counters at one instant."""

    at: int  # ns
    requests: float
    refused: float  # answered with 4xx or 5xx
    buckets: tuple[tuple[float, float], ...]  # (upper bound in seconds, cumulative count)


def parse(text: str, at: int) -> Reading:
    """A scrape of /metrics (Prometheus text format)."""
    requests = refused = 0.0
    buckets: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "shipworthy_requests_total":
                requests += sample.value
                refused += sample.value if sample.labels.get("status", "200")[0] in "45" else 0.0
            elif sample.name == "shipworthy_request_seconds_bucket":
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return Reading(at, requests, refused, tuple(sorted(buckets.items())))


def between(before: Reading, after: Reading) -> TrafficView | None:
    """Traffic between two readings; None where the server was restarted between them."""
    seconds = (after.at - before.at) / 1e9
    if seconds <= 0 or after.requests < before.requests:
        return None
    earlier = dict(before.buckets)
    new = [(bound, count - earlier.get(bound, 0.0)) for bound, count in after.buckets]
    return TrafficView(
        at=after.at,
        rate=(after.requests - before.requests) / seconds,
        p50_ms=quantile_ms(new, 0.50),
        p99_ms=quantile_ms(new, 0.99),
        refused=(after.refused - before.refused) / seconds,
    )


def quantile_ms(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """A quantile in ms from cumulative buckets (bound in s, count), linear inside a bucket; None where it is empty."""
    if not buckets or buckets[-1][1] <= 0:
        return None
    wanted = share * buckets[-1][1]
    low_bound = low_count = 0.0
    for bound, count in buckets:
        if count >= wanted:
            high = bound if bound != float("inf") else low_bound
            inside = (wanted - low_count) / (count - low_count) if count > low_count else 1.0
            return 1000.0 * (low_bound + (high - low_bound) * inside)
        low_bound, low_count = bound, count
    return None


class Traffic:
    """The latest points, oldest first."""

    def __init__(self) -> None:
        self._points: deque[TrafficView] = deque(maxlen=KEPT)
        self._last: Reading | None = None

    def add(self, reading: Reading) -> None:
        """Take a reading in."""
        if self._last is not None:
            point = between(self._last, reading)
            if point is not None:
                self._points.append(point)
        self._last = reading

    def points(self) -> tuple[TrafficView, ...]:
        """What is kept, oldest first."""
        return tuple(self._points)
