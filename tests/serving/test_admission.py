"""Who is answered when there is not time for all, decided by what answering is known to cost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import ROW, Caller, contract, predict

from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.serving.admission import MARGIN, Ask, Cost, admitted
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


@given(ASKS, OBSERVED)
def test_whoever_is_taken_is_answered_in_time_and_who_has_no_deadline_is_always_taken(asks, observed):
    cost = Cost.of(observed)
    taken = [ask for ask, fits in zip(asks, admitted(asks, cost), strict=True) if fits]
    assert [ask for ask in asks if ask.left == float("inf")] == [ask for ask in taken if ask.left == float("inf")]
    needed = MARGIN * cost.predicted(sum(ask.rows for ask in taken))
    assert all(needed <= ask.left for ask in taken)


@given(st.integers(1, 40), st.integers(1, 40))
def test_as_many_are_taken_as_there_is_time_for(asked, room):
    cost = Cost.of([(1, 0.001), (100, 0.1)])
    asks = [Ask(1, MARGIN * 0.001 * room * 1.0001)] * asked
    assert sum(admitted(asks, cost)) == min(asked, room)


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
