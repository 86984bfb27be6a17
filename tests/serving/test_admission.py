"""Who is answered when there is not time for all, decided by what answering is known to cost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import ROW, Caller, contract, predict

from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.serving.admission import MARGIN, REMEMBERED, STALE, Ask, Cost, Pace, admitted, decided
from shipworthy.serving.launch import rehearse_server

SECONDS = st.floats(1e-6, 10.0)
OBSERVED = st.lists(st.tuples(st.integers(1, 10_000), SECONDS), min_size=1, max_size=30)
ASKS = st.lists(st.builds(Ask, st.integers(1, 500), st.just(float("inf")) | st.floats(-1.0, 5.0)), max_size=40)


@given(st.floats(0, 1), st.floats(1e-6, 1), st.lists(st.integers(1, 1000), min_size=2, max_size=30, unique=True))
def test_a_line_is_found_again(fixed, each, sizes):
    cost = Cost.of((rows, fixed + each * rows) for rows in sizes)
    if max(sizes) > 2 * min(sizes):
        assert cost.predicted(300) == pytest.approx(fixed + each * 300, rel=0.01)


@given(OBSERVED, st.integers(1, 1000), st.integers(1, 1000))
def test_more_rows_never_cost_less_and_nothing_costs_less_than_nothing(observed, few, more):
    cost = Cost.of(observed[:1])
    for rows, seconds in observed[1:]:
        cost = cost.after(rows, seconds)
    assert 0 <= cost.predicted(few) <= cost.predicted(few + more)


def test_one_hiccup_is_no_new_model_but_a_slower_model_is_noticed():
    cost = Cost.of([(1, 0.001), (16, 0.016)])
    assert cost.after(4, 5.0).predicted(4) < 0.02
    for _ in range(100):
        cost = cost.after(4, 0.4)
    assert cost.predicted(4) == pytest.approx(0.4, rel=0.05)


@given(ASKS, OBSERVED, st.floats(0, 0.01))
def test_whoever_is_taken_is_answered_in_time_and_who_has_no_deadline_is_always_taken(asks, observed, refusal):
    cost = Cost.of(observed)
    decided = admitted(asks, Pace(cost, refusal=refusal))
    taken = [ask for ask, fits in zip(asks, decided, strict=True) if fits]
    assert [ask for ask in asks if ask.left == float("inf")] == [ask for ask in taken if ask.left == float("inf")]
    needed = MARGIN * cost.predicted(sum(ask.rows for ask in taken)) + refusal * decided.count(False)
    assert all(needed <= ask.left + 1e-9 for ask in taken)


@given(st.integers(1, 40), st.integers(1, 40))
def test_as_many_are_taken_as_there_is_time_for(asked, room):
    cost = Cost.of([(1, 0.001), (100, 0.1)])
    asks = [Ask(1, MARGIN * 0.001 * room * 1.0001)] * asked
    assert sum(admitted(asks, Pace(cost))) == min(asked, room)


def test_ticks_that_took_longer_than_expected_leave_less_room_and_one_hiccup_does_not():
    pace = Pace(Cost.of([(1, 0.001), (100, 0.1)]))
    asks = [Ask(1, 0.05)] * 100
    room = sum(admitted(asks, pace))
    for rows in range(10, 20):
        pace = pace.after(rows, 0.001 * rows)
    assert sum(admitted(asks, pace.after(10, 0.03))) == pytest.approx(room, abs=2)
    for _ in range(2):
        pace = pace.after(10, 0.03)
    assert 0 < sum(admitted(asks, pace)) < room - 5
    for _ in range(REMEMBERED + 40):
        pace = pace.after(10, 0.01)
    assert sum(admitted(asks, pace)) == pytest.approx(room, abs=2)


def test_the_time_that_refusals_take_is_not_promised_to_others():
    cost = Cost.of([(1, 0.001), (100, 0.1)])
    pace = Pace(cost).after_refusals(10, 0.001)
    assert pace.refusal == pytest.approx(0.0001)
    asks = [Ask(1, 0.01251)] * 60
    assert sum(admitted(asks, Pace(cost))) == 10
    assert sum(admitted(asks, pace)) == 5  # 5 x 1.25 ms and 55 refusals
    assert pace.after_refusals(1, 5.0).refusal < 0.0002


def test_what_bad_times_taught_keeps_nobody_out_for_ever():
    """Nothing that is refused says what it would have cost."""
    usual, bad = Pace(Cost.of([(1, 0.001)])), Pace(Cost.of([(1, 1.0)]))
    asks = [Ask(1, 0.05)]
    assert decided(asks, bad, usual, quiet=STALE / 2) == ([False], bad)
    assert decided(asks, bad, usual, quiet=STALE * 2) == ([True], usual)
    assert decided([Ask(1, 0.0)], usual, usual, quiet=STALE * 2) == ([False], usual)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A model that takes 20 ms a row, promised to answer within 200 ms."""
    folder = tmp_path_factory.mktemp("slow")
    promised = contract(deadline_ms=200.0)
    stand_in_bundle(promised, folder / "bundle", microseconds_row=20_000.0)
    with rehearse_server(folder / "bundle", promised, folder / "work") as url:
        yield url


def refused(caller):
    caller.send(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
    lines = caller.answer()[2].decode().splitlines()
    return next(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("shipworthy_refused_total{"))


def test_what_cannot_be_answered_in_time_is_refused_and_counted(url):
    with Caller(url) as caller:
        before = refused(caller)
        caller.send(predict(*[ROW] * 50))
        status, headers, body = caller.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        assert "200 ms" in json.loads(body)["error"]
        assert caller.ask("/predict", {"rows": [ROW]})[0] == 200
        assert refused(caller) == before + 1


def test_a_caller_may_have_less_time_or_more(url):
    with Caller(url) as caller:
        rows = {"rows": [ROW] * 30}
        assert caller.ask("/predict", rows, X_Deadline_Ms="5000")[0] == 200
        assert caller.ask("/predict", rows, X_Deadline_Ms="5000")[0] == 200  # a head that is known by now
        assert caller.ask("/predict", {"rows": [ROW]}, X_Deadline_Ms="5")[0] == 503
    for wrong in ("soon", "-1", "0", "nan", "inf"):
        with Caller(url) as caller:
            status, said = caller.ask("/predict", rows, X_Deadline_Ms=wrong)
            assert (status, "milliseconds" in said["error"]) == (400, True)


def test_the_open_inference_protocols_timeout_is_a_deadline(url):
    inputs = [
        {"name": name, "shape": [1], "datatype": kind, "data": [ROW[name]]}
        for name, kind in (
            ("distance", "FP32"), ("stops", "INT64"), ("night", "BOOL"), ("carrier", "BYTES"), ("origin", "BYTES"),
            ("departure", "BYTES"), ("wind", "FP64"), ("gusts", "FP64"), ("rain", "FP64"),
        )
    ]  # fmt: skip
    with Caller(url) as caller:
        for timeout, status in ((5_000, 503), (5_000_000, 200), (0, 200), (2**70, 200), (-1, 422), ("soon", 422)):
            asked = {"inputs": inputs, "parameters": {"timeout": timeout}}
            assert caller.ask("/v2/models/flight-delay/infer", asked)[0] == status
        headers = {"X_Deadline_Ms": "5000"}
        assert caller.ask("/v2/models/flight-delay/infer", {"inputs": inputs}, **headers)[0] == 200


def test_refusals_are_sent_before_the_model_is_asked_but_never_out_of_their_connections_order(url):
    """The second request of a pipeline is refused at once; its refusal waits for the first one's answer."""
    with Caller(url) as slow, Caller(url) as caller:
        slow.send(predict(*[ROW] * 4) + predict(*[ROW] * 50) + b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n\r\n")
        assert [slow.answer()[0] for _ in range(3)] == [200, 503, 200]
        caller.send(b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n\r\n" + predict(ROW))
        assert [caller.answer()[0] for _ in range(2)] == [200, 200]


def test_a_burst_is_answered_in_part_and_every_request_is_accounted_for(url):
    """Sixty requests at once at 20 ms each: about nine fit into 200 ms, each burst anew."""
    callers = [Caller(url) for _ in range(60)]
    before = refused(callers[0])
    for caller in callers:
        caller.send(predict(ROW))
    statuses = [caller.answer()[0] for caller in callers]
    assert set(statuses) == {200, 503}
    assert refused(callers[0]) - before == statuses.count(503)
    for caller in callers:
        caller.socket.close()
