"""A rehearsal of the real server with a stand-in, before any model exists."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from shipworthy.contract.records import Contract, Feature, Model, Purpose, Serving
from shipworthy.errors import WrongUse
from shipworthy.registry.records import Rehearsal
from shipworthy.rehearsal.queueing import likely_budget_ms, simulated_ms
from shipworthy.rehearsal.rehearse import Pace, rehearse
from shipworthy.serving.launch import rehearse_server

SHORT = Pace(verdict=1.0, look=0.3, looks=4)
FEATURES = (
    Feature(name="carrier", type="category", values=("AA", "UA"), unknown="refuse"),
    Feature(name="distance", type="float", min=0, max=6000),
    Feature(name="seats", type="integer", nullable=True),
    Feature(name="at", type="timestamp"),
)


def _contract(p99_ms: float, rate: float = 500) -> Contract:
    return Contract(
        model=Model(name="delays", task="classification", train="m:train"),
        purpose=Purpose(decision="rebook", owner="ops@example.com"),
        features=FEATURES,
        serving=Serving(p99_ms=p99_ms, rate=rate),
    )


def _starting(contract: Contract, work: Path) -> Callable[[Path], AbstractContextManager[str]]:
    return lambda folder: rehearse_server(folder, contract, work)


def test_a_rehearsal_gives_a_verdict_a_highest_rate_and_a_budget(tmp_path: Path) -> None:
    contract, said = _contract(p99_ms=400), list[str]()
    starting = _starting(contract, tmp_path)
    found = rehearse(contract, starting, tmp_path, lambda what, _: said.append(what), pace=SHORT, model_ms=450.0)
    assert found.verdict.outcome == "passed"
    assert found.verdict.ready_ms is not None
    assert found.verdict.errors == 0
    assert found.highest_rate >= 500
    assert 0 < found.budget_ms < 400
    assert (found.contract, found.serving) == (contract.digest, contract.serving_digest)
    assert said[-2:] == ["search the latency budget", "measure with a model of 450 ms a call"]
    assert found.with_model is not None
    assert (found.model_ms, found.with_model.outcome, found.model_rate) == (450.0, "blocked", 0.0)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Rehearsal) == found


def test_an_sla_that_no_server_can_keep_is_blocked_and_leaves_nothing(tmp_path: Path) -> None:
    contract = _contract(p99_ms=0.001)
    found = rehearse(contract, _starting(contract, tmp_path), tmp_path, lambda *_: None, pace=SHORT)
    assert found.verdict.outcome == "blocked"
    assert found.budget_ms == 0
    assert found.highest_rate == 0


@pytest.mark.parametrize("cost", [0.0, -1.0, float("inf"), float("nan")])
def test_a_model_of_no_cost_is_not_asked_about(tmp_path: Path, cost: float) -> None:
    contract = _contract(p99_ms=400)
    with pytest.raises(WrongUse, match="--model-ms"):
        rehearse(contract, _starting(contract, tmp_path), tmp_path, lambda *_: None, pace=SHORT, model_ms=cost)


@pytest.mark.parametrize("workers", [1, 3])
def test_no_simulated_answer_is_quicker_than_a_call_nor_slower_than_two(workers: int) -> None:
    """All that waits goes into the next call, so nobody waits for more than the one under way."""
    latencies = simulated_ms(300, workers, 5.0)
    assert latencies.min() >= 5.0 - 1e-9
    assert latencies.max() <= 10.0 + 1e-9


def test_the_budget_shrinks_as_the_rate_grows() -> None:
    budgets = [likely_budget_ms(rate, 1, 50.0, 1.0, 0.99) for rate in (0.01, 5, 100)]
    assert budgets[0] == pytest.approx(49.0, abs=0.1)
    assert np.all(np.diff(budgets) < 0)
    assert budgets[-1] >= 24.0
