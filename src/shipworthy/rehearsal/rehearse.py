"""The rehearsal, before there is a model: what the serving stack itself costs, how far it goes, what it leaves for one.

A stand-in has the contract's signature and a cost of choice. The real server serves it, the real load drives it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shipworthy.contract.records import Contract, Serving
from shipworthy.errors import WrongUse
from shipworthy.models.runtimes.stand_in import stand_in_bundle
from shipworthy.registry.records import LatencyVerdict, Rehearsal
from shipworthy.rehearsal.load import Load, Target, closed_loop, open_loop
from shipworthy.rehearsal.payloads import from_contract
from shipworthy.rehearsal.queueing import likely_budget_ms
from shipworthy.rehearsal.sla import QUANTILE, bounds, verify

VERSION = 1
BODIES = 2_000  # different requests
Start = Callable[[Path], AbstractContextManager[str]]  # serves a bundle's folder, gives the URL
Report = Callable[[str, float | None], None]  # what is going on, and which share of it is done

_CALLERS = 32  # of the closed loop that shows where to look for the highest rate
_LEAST, _MOST = 20, 20_000  # requests of one look


@dataclass(frozen=True, slots=True)
class Pace:
    """How much time a rehearsal takes."""

    verdict: float  # seconds of the SLA's verdict at most, warm-up apart
    look: float  # seconds of one look at a rate or a cost
    looks: int  # at rates, and at costs, at most


THOROUGH = Pace(verdict=8.0, look=1.5, looks=4)
QUICK = Pace(verdict=2.5, look=0.7, looks=2)


def rehearse(
    contract: Contract,
    start: Start,
    work: Path,
    report: Report,
    *,
    pace: Pace = THOROUGH,
    model_ms: float | None = None,
) -> Rehearsal:
    """Measure the serving stack against the contract's SLA; `work` is a folder for stand-ins. Undecided, WrongUse.

    With `model_ms`, also with a model whose calls take that long: its verdict, and the highest rate that keeps the SLA.
    """
    if model_ms is not None and not 0 < model_ms < math.inf:
        raise WrongUse(f"--model-ms {model_ms:g}: expected milliseconds above 0, what a call of the model may take")
    began = time.monotonic()
    stage = _Stage(contract, start, work, pace, from_contract(contract.features, BODIES), report)
    report("start the server with a stand-in", None)
    with stage.serving(0.0) as (target, ready_ms):
        report("measure the platform at the promised rate", None)
        verdict = stage.verdict(target, ready_ms)
        report("search the highest rate", None)
        highest, at_least = stage.highest_rate(target, verdict)
    report("search the latency budget", None)
    budget = stage.budget_ms(verdict)
    with_model, model_rate = stage.with_model(model_ms) if model_ms is not None else (None, None)
    return Rehearsal(
        version=VERSION,
        contract=contract.digest,
        serving=contract.serving_digest,
        platform_ms=verdict.p99_ms,
        highest_rate=highest,
        budget_ms=budget,
        verdict=verdict,
        seconds=time.monotonic() - began,
        highest_rate_at_least=at_least,
        model_ms=model_ms,
        with_model=with_model,
        model_rate=model_rate,
    )


@dataclass(frozen=True, slots=True)
class _Stage:
    contract: Contract
    start: Start
    work: Path
    pace: Pace
    bodies: list[bytes]
    report: Report

    @contextmanager
    def serving(self, cost_ms: float) -> Iterator[tuple[Target, float]]:
        """The server with a stand-in that takes `cost_ms` a call, and the milliseconds until it was ready."""
        folder = self.work / f"stand-in-{cost_ms * 1000:.0f}"
        stand_in_bundle(self.contract, folder, cost_ms * 1000)
        began = time.monotonic()
        with self.start(folder) as url:
            yield Target(f"{url}/predict", self.bodies), 1000 * (time.monotonic() - began)

    def verdict(self, target: Target, ready_ms: float) -> LatencyVerdict:
        """On the SLA, of a server that took `ready_ms` to be ready."""
        promised, confidence = self.contract.serving, self.contract.gate.confidence
        return verify(target, promised, confidence=confidence, seconds=self.pace.verdict, ready_ms=ready_ms)

    def with_model(self, cost_ms: float) -> tuple[LatencyVerdict, float]:
        """The SLA's verdict with a model of that cost, and the highest rate that keeps the SLA."""
        self.report(f"measure with a model of {cost_ms:g} ms a call", None)
        with self.serving(cost_ms) as (target, ready_ms):
            verdict = self.verdict(target, ready_ms)
            return verdict, self.highest_rate(target, verdict)[0]

    def highest_rate(self, target: Target, verdict: LatencyVerdict) -> tuple[float, bool]:
        """Requests a second that keep the SLA, and whether the generator, not the server, set the end."""
        most = closed_loop(target, connections=_CALLERS, seconds=self.pace.look)
        kept = _kept_at(verdict)
        low, high = (verdict.rate, max(verdict.rate, most.rate)) if kept else (0.0, verdict.rate)
        at_least = most.saturated and kept
        for _ in range(self.pace.looks):
            if high - low < 0.05 * high:
                break
            middle = (low + high) / 2
            load = self._look(target, middle)
            if _keeps(load, self.contract.serving):
                low = middle
            else:
                high, at_least = middle, load.saturated
        return low, at_least

    def budget_ms(self, verdict: LatencyVerdict) -> float:
        """What a model call may cost at the promised rate: the likely figure, or less where it does not hold."""
        serving = self.contract.serving
        if not _kept_at(verdict):
            return 0.0
        low, high = 0.0, likely_budget_ms(serving.rate, serving.workers, serving.p99_ms, verdict.p99_ms, QUANTILE)
        cost = high
        for _ in range(self.pace.looks):
            with self.serving(cost) as (target, _):
                load = self._look(target, serving.rate)
            if _keeps(load, serving):
                low = cost
            else:
                high = cost
            if high - low < 0.05 * high:
                break
            cost = (low + high) / 2
        return low

    def _look(self, target: Target, rate: float) -> Load:
        requests = min(_MOST, max(_LEAST, int(rate * self.pace.look)))
        late = int(requests * (1 - QUANTILE)) + 1
        return open_loop(
            target,
            rate=rate,
            requests=requests,
            warm_up=min(200, requests // 4),
            limit_ms=self.contract.serving.p99_ms,
            give_up=late,
        )


def _keeps(load: Load, serving: Serving) -> bool:
    """Whether the quantiles were kept in these very requests; enough to search by, not to promise."""
    kept = (load.late(bound.limit_ms) <= load.requests * (1 - bound.quantile) for bound in bounds(serving))
    return not load.gave_up and all(kept)


def _kept_at(verdict: LatencyVerdict) -> bool:
    tail = verdict.limit_p999_ms is None or verdict.p999_ms <= verdict.limit_p999_ms
    return tail and verdict.late <= verdict.requests * (1 - QUANTILE)
