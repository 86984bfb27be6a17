"""The SLA's verdict on real servers, and what may excuse a failure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from shipworthy.contract.records import Serving
from shipworthy.registry.records import LatencyVerdict, Outcome
from shipworthy.rehearsal.conditions import Conditions
from shipworthy.rehearsal.load import Load, Target
from shipworthy.rehearsal.sla import decide, verify

BODIES = [b'{"rows":[{"x":1.0}]}']
CALM = Conditions(throttled_ms=0.0, foreign_load=0.1, cores=2)
BUSY = Conditions(throttled_ms=0.0, foreign_load=1.7, cores=2)
THROTTLED = Conditions(throttled_ms=120.0, foreign_load=0.0, cores=2)
SERVING = Serving(p99_ms=10, rate=500)


def _load(late: int = 0, requests: int = 2_010, **changed: object) -> Load:
    latencies = np.full(requests, 1.0)
    latencies[:late] = 20.0
    load = Load(500, latencies, np.full(requests, 0.1), {}, 4.0, 2.0, 1.0, 0.1, 16, capped=False, gave_up=False)
    return dataclasses.replace(load, **changed)


def test_a_quick_server_passes_with_enough_requests_for_the_confidence(serving: Callable[[str], str]) -> None:
    verdict = verify(Target(serving("quick"), BODIES), Serving(p99_ms=500, rate=500), seconds=2)
    assert verdict.outcome == "passed"
    assert verdict.requests == 838
    assert verdict.errors == 0
    assert verdict.cold_ms is not None
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=LatencyVerdict) == verdict


def test_a_slow_first_request_is_said_of_a_server_that_passes() -> None:
    outcome, reason = decide(_load(cold_ms=25.0), CALM, SERVING, 0.99)
    assert (outcome, "the very first request took 25.0 ms" in reason) == ("passed", True)
    assert "very first" not in decide(_load(cold_ms=9.0), CALM, SERVING, 0.99)[1]


@pytest.mark.parametrize(
    ("first_ms", "cold_ms", "conditions", "outcome"),
    [
        (None, 25.0, CALM, "passed"),
        (30, 25.0, CALM, "passed"),
        (20, 25.0, CALM, "blocked"),
        (20, np.inf, CALM, "blocked"),
        (20, 25.0, BUSY, "undecided"),
    ],
)
def test_a_first_answer_is_held_to_the_promise_made_of_it(
    first_ms: float | None, cold_ms: float, conditions: Conditions, outcome: Outcome
) -> None:
    promised = Serving(p99_ms=10, rate=500, first_ms=first_ms)
    found, reason = decide(_load(cold_ms=cold_ms), conditions, promised, 0.99)
    assert found == outcome
    assert outcome == "passed" or "promised are 20 ms" in reason


@pytest.mark.parametrize(
    ("requests", "late", "outcome", "says"),
    [
        (6_000, 0, "passed", "p99 within 10 ms at 99% confidence; 0 of 6,000"),
        (6_000, 30, "blocked", "p99.9 over 15 ms"),
        (6_000, 6, "undecided", "too close to 0.1% to tell"),
        (2_000, 0, "undecided", "too few to tell of p99.9 (it takes 4,603)"),
    ],
)
def test_a_promise_of_the_tail_is_judged_though_that_of_the_rest_is_kept(
    requests: int, late: int, outcome: Outcome, says: str
) -> None:
    promised, load = Serving(p99_ms=10, p999_ms=15, rate=500), _load(late, requests)
    assert decide(load, CALM, SERVING, 0.99)[0] == "passed"
    found, reason = decide(load, CALM, promised, 0.99)
    assert found == outcome
    assert says in reason


def test_a_promise_of_the_tail_takes_as_many_requests_as_show_it(serving: Callable[[str], str]) -> None:
    promised = Serving(p99_ms=500, p999_ms=800, rate=500)
    verdict = verify(Target(serving("quick"), BODIES), promised, seconds=4)
    assert (verdict.outcome, verdict.limit_p999_ms) == ("passed", 800)
    assert verdict.requests == 4_603
    assert "p99.9 within 800 ms" in verdict.reason


def test_a_rate_too_low_for_the_confidence_is_raised_and_said(serving: Callable[[str], str]) -> None:
    verdict = verify(Target(serving("quick"), BODIES), Serving(p99_ms=500, rate=2), seconds=1)
    assert verdict.outcome == "passed"
    assert verdict.requests == 459
    assert verdict.rate == 459
    assert "the promise is 2 a second" in verdict.reason


def test_a_server_whose_single_answer_is_too_slow_is_blocked_whatever_else_went_on(
    serving: Callable[[str], str],
) -> None:
    verdict = verify(Target(serving("slow"), BODIES), Serving(p99_ms=10, rate=200), seconds=3)
    assert verdict.outcome == "blocked"
    assert "alone" in verdict.reason
    assert verdict.requests < 600


def test_a_server_that_fails_is_blocked_and_the_failures_are_named(serving: Callable[[str], str]) -> None:
    verdict = verify(Target(serving("error"), BODIES), Serving(p99_ms=500, rate=500), seconds=2)
    assert verdict.outcome == "blocked"
    assert "status 500" in verdict.reason


@pytest.mark.parametrize(
    ("load", "conditions", "outcome"),
    [
        (_load(late=10), CALM, "passed"),
        (_load(late=20), CALM, "undecided"),  # neither kept nor broken
        (_load(late=200), CALM, "blocked"),
        (_load(late=200), BUSY, "undecided"),
        (_load(late=200), THROTTLED, "undecided"),
        (_load(late=200, lateness_ms=np.full(2_010, 8.0)), CALM, "undecided"),
        (_load(late=200, capped=True), CALM, "undecided"),
        (_load(late=200, rate=900.0), CALM, "undecided"),  # broken at a higher rate than promised
        (_load(late=200, errors={"status 422": 200}), BUSY, "blocked"),
        (_load(late=200, alone_ms=11.0), BUSY, "blocked"),
        (_load(late=0), BUSY, "passed"),  # trouble never makes an answer quicker
        (_load(late=0, requests=458), CALM, "undecided"),
    ],
)
def test_trouble_of_the_machine_excuses_a_failure_and_never_spoils_a_pass(
    load: Load, conditions: Conditions, outcome: Outcome
) -> None:
    assert decide(load, conditions, SERVING, 0.99)[0] == outcome
