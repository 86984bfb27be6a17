"""The SLA's verdict: the real server driven at the promised rate, and what follows with the asked-for confidence."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from shipworthy.contract.records import Serving
from shipworthy.registry.records import LatencyVerdict, Outcome
from shipworthy.rehearsal.conditions import Conditions, Watch
from shipworthy.rehearsal.load import Load, Target, open_loop
from shipworthy.rehearsal.statistics import judge, late_allowed, late_refuting, requests_needed, requests_within

QUANTILE = 0.99
TAIL = 0.999
SECONDS = 30.0  # a verification takes at most, warm-up apart
_WARM_UP = 1.0  # seconds at the rate
_MOST_WARM_UP = 500  # requests


def verify(
    target: Target,
    serving: Serving,
    *,
    confidence: float = 0.99,
    seconds: float = SECONDS,
    seed: int = 0,
    roots: Collection[int] = (),
    ready_ms: float | None = None,
) -> LatencyVerdict:
    """Whether the server at `target` keeps `serving.p99_ms` at `serving.rate`, and `p999_ms`, said with `confidence`.

    As many requests as the confidence needs within `seconds`; where the promised rate is too low for that, a higher
    one is offered, which is harder to keep. The warm-up is not measured, the first request is reported apart.
    `roots` are processes whose load is not foreign, besides this one and its descendants. `ready_ms` is kept as it is:
    how long the server took to be ready, where whoever asks has started it.
    """
    requests, rate = _plan(serving.rate, seconds, confidence, bounds(serving)[-1].quantile)
    watch = Watch(roots)
    load = open_loop(
        target,
        rate=rate,
        requests=requests,
        warm_up=min(_MOST_WARM_UP, math.ceil(_WARM_UP * rate)),
        limit_ms=serving.p99_ms,
        give_up=late_refuting(requests, QUANTILE, confidence),
        seed=seed,
    )
    conditions = watch.conditions()
    outcome, reason = decide(load, conditions, serving, confidence)
    return LatencyVerdict(
        outcome=outcome,
        reason=reason,
        rate=rate,
        requests=load.requests,
        late=load.late(serving.p99_ms),
        errors=sum(load.errors.values()),
        p50_ms=_finite(load, 0.5, target.timeout),
        p99_ms=_finite(load, 0.99, target.timeout),
        p999_ms=_finite(load, 0.999, target.timeout),
        limit_ms=serving.p99_ms,
        confidence=confidence,
        generator_late_ms=load.generator_late_ms if load.requests else 0.0,
        throttled_ms=conditions.throttled_ms,
        foreign_load=conditions.foreign_load,
        cold_ms=load.cold_ms if math.isfinite(load.cold_ms) else None,
        ready_ms=ready_ms,
        limit_p999_ms=serving.p999_ms,
    )


@dataclass(frozen=True, slots=True)
class Bound:
    """So large a share of all answers comes within so many milliseconds."""

    quantile: float
    limit_ms: float

    @property
    def name(self) -> str:
        """As it is called: p99, p99.9."""
        return f"p{100 * self.quantile:g}"


def bounds(serving: Serving) -> tuple[Bound, ...]:
    """What is promised of the answers' times, the rarest last."""
    usual = Bound(QUANTILE, serving.p99_ms)
    return (usual,) if serving.p999_ms is None else (usual, Bound(TAIL, serving.p999_ms))


def decide(load: Load, conditions: Conditions, serving: Serving, confidence: float) -> tuple[Outcome, str]:
    """What a load says of the SLA, and why, in one sentence. Pure.

    Trouble of the machine or the generator makes latencies longer, never shorter: it may excuse a failure, and never
    turns a pass into doubt. Of several bounds each is shown with the whole confidence: that all of them are kept is
    said wrongly no more often than that the broken one is (an intersection-union test, Berger 1982).
    """
    found = [_decided(load, conditions, serving, bound, confidence) for bound in bounds(serving)]
    for outcome in ("blocked", "undecided"):
        for named, reason in found:
            if named == outcome:
                return named, reason
    shown = "; ".join(reason for _, reason in found)
    return _with_first(load, conditions, serving, f"{shown}{_faster(load, serving)}{_cold(load, serving.p99_ms)}")


def _decided(
    load: Load, conditions: Conditions, serving: Serving, bound: Bound, confidence: float
) -> tuple[Outcome, str]:
    limit, late = bound.limit_ms, load.late(bound.limit_ms)
    counted = f"{late:,} of {load.requests:,} requests at {load.rate:g} a second took over {limit:g} ms"
    if load.errors:
        counted += f" or failed ({_named(load.errors)})"
    judgement = judge(load.requests, late, bound.quantile, confidence)
    if judgement == "passed":
        return "passed", f"{counted}, which shows {bound.name} within {limit:g} ms at {confidence:.0%} confidence"
    if math.isfinite(load.alone_ms) and load.alone_ms > limit:
        return (
            "blocked",
            f"{counted}; a request alone, with nothing else going on, already takes {load.alone_ms:.1f} ms",
        )
    if judge(load.requests, sum(load.errors.values()), bound.quantile, confidence) == "blocked":
        return "blocked", counted
    excuse = _excuse(load, conditions, serving)
    if excuse:
        return "undecided", f"{counted}, but {excuse}"
    if judgement == "blocked":
        return "blocked", f"{counted}, which shows {bound.name} over {limit:g} ms at {confidence:.0%} confidence"
    return "undecided", f"{counted}: {_doubt(load.requests, late, bound, confidence)}"


def _doubt(requests: int, late: int, bound: Bound, confidence: float) -> str:
    allowed = late_allowed(requests, bound.quantile, confidence)
    if allowed < 0:
        return f"too few to tell of {bound.name} (it takes {requests_needed(late, bound.quantile, confidence):,})"
    return f"too close to {100 * (1 - bound.quantile):g}% to tell ({allowed} would have passed)"


def _plan(rate: float, seconds: float, confidence: float, quantile: float) -> tuple[int, float]:
    """Requests, and their rate; what shows a quantile shows the less rare ones, too."""
    requests = requests_within(seconds, rate, quantile, confidence)
    if requests is not None:
        return requests, rate
    needed = requests_needed(0, quantile, confidence)
    return needed, needed / seconds


def _excuse(load: Load, conditions: Conditions, serving: Serving) -> str:
    if conditions.disturbed:
        return f"meanwhile {conditions}"
    if load.saturated or load.generator_late_ms > serving.p99_ms / 2:
        return (
            f"the load generator was itself {load.generator_late_ms:.1f} ms late (p99) and used {load.busy:.2f} cores"
        )
    if load.rate > serving.rate:
        return f"the promise is {serving.rate:g} a second, and more were sent to have enough of them in time"
    return ""


def _faster(load: Load, serving: Serving) -> str:
    return f" (the promise is {serving.rate:g} a second)" if load.rate > serving.rate else ""


def _cold(load: Load, limit: float) -> str:
    """The first request is one among many for the quantile; who sent it waited all the same, and it is said."""
    if load.cold_ms <= limit:
        return ""
    took = f"took {load.cold_ms:.1f} ms" if math.isfinite(load.cold_ms) else "was not answered"
    return f"; the very first request {took}"


def _with_first(load: Load, conditions: Conditions, serving: Serving, passed: str) -> tuple[Outcome, str]:
    """A pass, unless the very first answer broke the promise of its own."""
    if serving.first_ms is None or load.cold_ms <= serving.first_ms:
        return "passed", passed
    took = f"took {load.cold_ms:.1f} ms" if math.isfinite(load.cold_ms) else "was not answered"
    broke = f"the very first request {took}, promised are {serving.first_ms:g} ms"
    return ("undecided", f"{broke}, but meanwhile {conditions}") if conditions.disturbed else ("blocked", broke)


def _named(errors: dict[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in sorted(errors.items(), key=lambda item: -item[1])[:3])


def _finite(load: Load, quantile: float, timeout: float) -> float:
    """A quantile that can be written as JSON: what never came is given the time that was waited for it."""
    found = load.quantile_ms(quantile)
    return found if math.isfinite(found) else timeout * 1000
