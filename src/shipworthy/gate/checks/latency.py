"""The real server with the real model keeps the promise to callers."""

from __future__ import annotations

from shipworthy.contract.records import Serving
from shipworthy.registry.records import LatencyVerdict, Verdict

CHECK = "latency"


def latency(promised: Serving, measured: LatencyVerdict | None, confidence: float) -> Verdict:
    """measured: with this very model; None where it could not be served. confidence: what the contract asks for."""
    if measured is None:
        return Verdict(CHECK, "undecided", "the server was not measured with this model")
    figures: dict[str, float | str | None] = {
        "p50_ms": measured.p50_ms,
        "p99_ms": measured.p99_ms,
        "p999_ms": measured.p999_ms,
        "limit_ms": measured.limit_ms,
        "limit_p999_ms": measured.limit_p999_ms,
        "rate": measured.rate,
        "requests": measured.requests,
        "late": measured.late,
        "errors": measured.errors,
        "confidence": measured.confidence,
    }
    mismatch = _mismatch(promised, measured, confidence)
    if mismatch and measured.outcome == "passed":
        return Verdict(CHECK, "undecided", f"{mismatch}; measure again", figures)
    return Verdict(CHECK, measured.outcome, measured.reason, figures)


def _mismatch(promised: Serving, measured: LatencyVerdict, confidence: float) -> str:
    """How a measurement falls short of what is promised now; "" where it does not."""
    if measured.limit_ms > promised.p99_ms:
        return f"measured against {measured.limit_ms:g} ms, promised are {promised.p99_ms:g}"
    tail = measured.limit_p999_ms
    if promised.p999_ms is not None and (tail is None or tail > promised.p999_ms):
        held = "was held to nothing" if tail is None else f"was held to {tail:g} ms"
        return f"p99.9 {held}, promised are {promised.p999_ms:g} ms"
    if measured.rate < promised.rate:
        return f"measured at {measured.rate:g} requests a second, promised are {promised.rate:g}"
    if promised.first_ms is not None and (measured.cold_ms is None or measured.cold_ms > promised.first_ms):
        took = "was not answered" if measured.cold_ms is None else f"took {measured.cold_ms:.1f} ms"
        return f"the very first request {took}, promised are {promised.first_ms:g} ms"
    if measured.confidence < confidence:
        return f"measured with {measured.confidence:.0%} confidence, asked for are {confidence:.0%}"
    return ""
