"""Traffic read from the server's own metrics."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from shipworthy.dashboard.traffic import Traffic, between, parse, quantile_ms


def scrape(statuses: dict[str, int], seconds: list[float]) -> str:
    registry = CollectorRegistry()
    requests = Counter("shipworthy_requests", "Requests.", ["model", "status"], registry=registry)
    duration = Histogram("shipworthy_request_seconds", "Duration.", buckets=[0.001, 0.01, 0.1], registry=registry)
    for status, count in statuses.items():
        requests.labels("flight-delay", status).inc(count)
    for value in seconds:
        duration.observe(value)
    return generate_latest(registry).decode()


def test_rate_and_refusals_are_differences_between_two_readings():
    before = parse(scrape({"200": 100, "422": 1}, []), at=0)
    after = parse(scrape({"200": 500, "422": 5}, [0.0005] * 400), at=2_000_000_000)
    point = between(before, after)
    assert point is not None
    assert (point.rate, point.refused) == (202.0, 2.0)
    assert point.p99_ms == pytest.approx(0.99)


def test_a_restarted_server_leaves_a_gap_and_not_a_negative_rate():
    assert between(parse(scrape({"200": 100}, []), at=0), parse(scrape({"200": 7}, []), at=1)) is None


def test_an_idle_interval_has_no_latency():
    traffic = Traffic()
    for at in (0, 1_000_000_000):
        traffic.add(parse(scrape({"200": 100}, [0.5]), at))
    (point,) = traffic.points()
    assert (point.rate, point.p99_ms) == (0.0, None)


@given(st.lists(st.floats(0.0001, 0.099), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(seconds, share):
    buckets = parse(scrape({}, seconds), at=0).buckets
    found = quantile_ms(buckets, share)
    assert found is not None
    true = sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)]
    low = max((bound for bound in (0.0, 0.001, 0.01) if bound < true), default=0.0)
    high = min(bound for bound in (0.001, 0.01, 0.1) if bound >= true)
    assert low * 1000 - 1e-9 <= found <= high * 1000 + 1e-9
