"""The whole check of an endpoint: shape, schema, SLA, and what follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shipworthy.contract.records import Feature, Serving
from shipworthy.dialects.records import Dialect, Row
from shipworthy.endpoints.asking import Caller
from shipworthy.endpoints.cases import Spared
from shipworthy.endpoints.records import EndpointCheck, Outcome, Promised
from shipworthy.endpoints.schema import schema, shape
from shipworthy.registry.records import LatencyVerdict
from shipworthy.rehearsal.listeners import listeners
from shipworthy.rehearsal.load import Target
from shipworthy.rehearsal.sla import SECONDS, verify

TRIES = 3  # of a measurement that could not decide
Report = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What an endpoint is held to, and how it is asked."""

    features: tuple[Feature, ...]
    serving: Serving
    dialect: Dialect
    rows: Sequence[Row]  # that keep the contract
    contract: str  # the file, or where it was proposed from
    declared: bool = True  # whether somebody wrote the SLA down
    spared: Spared = ()
    lenient: bool = False
    confidence: float = 0.99
    seconds: float = SECONDS
    headers: tuple[tuple[str, str], ...] = ()


def check_endpoint(url: str, question: Question, report: Report) -> EndpointCheck:
    """Ask it, drive it, and say what was found. WrongUse where it is not there."""
    with Caller(url, question.headers) as caller:
        report("ask for predictions", None)
        shaped, good = shape(caller, question.dialect, question.rows)
        found, verdict = None, None
        if good is not None:
            report("ask what it refuses", None)
            found = schema(
                caller,
                question.dialect,
                question.features,
                good,
                spared=question.spared,
                lenient=question.lenient,
            )
        if shaped.outcome == "passed":
            report(f"measure the SLA: {question.serving.rate:g} requests/s", None)
            verdict = _measured(caller, question)
    parts = [("answers", shaped.outcome, shaped.reason)]
    if found is not None:
        parts.append(("schema", found.outcome, found.reason))
    if verdict is not None:
        parts.append(("SLA", _of(verdict), verdict.reason))
    outcome, reason = _together(parts)
    promised = question.serving
    return EndpointCheck(
        url=url,
        dialect=question.dialect.name,
        contract=question.contract,
        promised=Promised(promised.p99_ms, promised.rate, question.declared, promised.p999_ms),
        outcome=outcome,
        reason=reason,
        shape=shaped,
        schema=found,
        sla=verdict,
        sla_words=words(verdict) if verdict is not None else "",
    )


def words(verdict: LatencyVerdict) -> str:
    """The SLA's verdict as one statement."""
    tail = "" if verdict.limit_p999_ms is None else f", p99.9 ≤ {verdict.limit_p999_ms:g} ms"
    claim = f"p99 ≤ {verdict.limit_ms:g} ms{tail} at {verdict.rate:g}/s"
    if verdict.outcome == "passed":
        return f"{claim} with {verdict.confidence:.0%} confidence over {verdict.requests:,} requests"
    if verdict.outcome == "undecided":
        return f"could not decide whether {claim}"
    return f"not {claim}: {verdict.reason}"


def _measured(caller: Caller, question: Question) -> LatencyVerdict:
    """Measured again, a few times, where the machine was too busy to tell."""
    url = caller.url
    target = Target(str(url), [question.dialect.body([row]) for row in question.rows], headers=question.headers)
    roots = listeners(url.host, url.port or (443 if url.scheme == "https" else 80))

    def measured(seed: int) -> LatencyVerdict:
        return verify(
            target,
            question.serving,
            confidence=question.confidence,
            seconds=question.seconds,
            seed=seed,
            roots=roots,
        )

    verdict = measured(0)
    for seed in range(1, TRIES):
        if verdict.outcome != "undecided":
            break
        verdict = measured(seed)
    return verdict


def _of(verdict: LatencyVerdict) -> Outcome:
    return "passed" if verdict.outcome == "waived" else verdict.outcome


def _together(parts: Sequence[tuple[str, Outcome, str]]) -> tuple[Outcome, str]:
    """The worst of them, named."""
    wanted: tuple[Outcome, ...] = ("blocked", "undecided")
    for outcome in wanted:
        found = [f"{name}: {reason}" for name, each, reason in parts if each == outcome]
        if found:
            return outcome, "; ".join(found)
    return "passed", "it keeps the contract"
