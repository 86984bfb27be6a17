"""Open-loop and closed-loop load on real servers in processes of their own."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

import pytest

from shipworthy.errors import WrongUse
from shipworthy.rehearsal.load import Target, closed_loop, open_loop

BODIES = [b'{"rows":[{"x":1.0}]}', b'{"rows":[{"x":2.0}]}']
Serving = Callable[[str], str]


def test_every_request_of_the_schedule_is_sent_and_answered(serving: Serving) -> None:
    load = open_loop(Target(serving("quick"), BODIES), rate=500, requests=300, warm_up=50)
    assert load.requests == 300
    assert load.errors == {}
    assert math.isfinite(load.quantile_ms(1.0))
    assert 0 < load.alone_ms < load.cold_ms + load.alone_ms


def test_a_stall_is_felt_by_every_request_that_was_meant_to_come_in_it(serving: Serving) -> None:
    """A closed loop of 16 callers would have seen at most 16 slow answers: coordinated omission."""
    load = open_loop(Target(serving("stall"), BODIES), rate=500, requests=600)
    assert load.errors == {}
    assert load.late(100) > 100
    assert load.connections > 16


def test_answers_that_are_no_answers_are_counted_and_late(serving: Serving) -> None:
    load = open_loop(Target(serving("error"), BODIES), rate=500, requests=200)
    assert load.errors["status 500"] in range(49, 52)
    assert load.late(1e9) == load.errors["status 500"]
    assert load.quantile_ms(0.99) == math.inf


def test_a_server_that_closes_its_connections_loses_no_request(serving: Serving) -> None:
    load = open_loop(Target(serving("closing"), BODIES), rate=200, requests=100)
    assert load.errors == {}
    assert load.requests == 100


def test_a_run_that_cannot_pass_any_more_gives_up(serving: Serving) -> None:
    """30 ms a request, one at a time, can never keep up with 200 a second."""
    load = open_loop(Target(serving("slow"), BODIES), rate=200, requests=2_000, limit_ms=50, give_up=20)
    assert load.gave_up
    assert load.late(50) == 20
    assert load.requests < 1_000


def test_nobody_listening_is_an_error_a_request() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        load = open_loop(Target(f"http://127.0.0.1:{taken.getsockname()[1]}/", BODIES), rate=500, requests=50)
    assert load.late(1e9) == 50
    assert sum(load.errors.values()) == 50
    assert load.cold_ms == math.inf


def test_an_address_that_cannot_be_driven_is_named() -> None:
    with pytest.raises(WrongUse, match="ftp://elsewhere"):
        open_loop(Target("ftp://elsewhere", BODIES), rate=1, requests=1)


def test_closed_loop_counts_what_was_answered(serving: Serving) -> None:
    load = closed_loop(Target(serving("slow"), BODIES), connections=4, seconds=1.0)
    assert 5 <= load.rate <= 34  # one at a time, at least 30 ms each
    assert load.errors == {}
    assert not load.saturated


def test_closed_loop_on_a_quick_server_says_that_the_generator_was_busy(serving: Serving) -> None:
    load = closed_loop(Target(serving("quick"), BODIES), connections=16, seconds=0.5)
    assert load.rate > 100
    assert load.busy > 2e-6 * load.rate  # cores: no request costs it less than 2 µs
