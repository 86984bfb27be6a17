"""What an endpoint takes and refuses, and whether its answers have a row's shape: asked, and held to the contract."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from shipworthy.contract.records import Feature
from shipworthy.dialects.records import Dialect, Inexpressible, Row, Said, Unreadable
from shipworthy.endpoints.asking import Caller, Reply, refuse_unless_there
from shipworthy.endpoints.cases import Case, Spared, cases
from shipworthy.endpoints.records import Finding, Part, Schema

_GOOD = 8  # good rows that are asked one by one
_SEVERAL = 3  # rows of one request


def shape(caller: Caller, dialect: Dialect, rows: Sequence[Row]) -> tuple[Part, Row | None]:
    """Whether rows that keep the contract are answered, one answer a row, of one kind; and a row that is.

    WrongUse where this is not the path to ask.
    """
    tried = rows[:_GOOD]
    replies = [(row, caller.post(dialect.body([row]))) for row in tried]
    refuse_unless_there(replies[0][1], caller.url)
    good = next((row for row, reply in replies if reply.good), None)
    refused = [(row, reply) for row, reply in replies if not reply.good]
    if refused:
        row, reply = refused[0]
        got = f"status {reply.status}" if reply.status else "no answer"
        many = f"{len(refused)} of {len(tried)} rows that keep the contract are not answered"
        return Part("blocked", f"{many}: {got} to {_json(row)}: {reply.said}"), good
    several = dialect.many and len(rows) >= _SEVERAL
    answered = [(1, reply) for _, reply in replies]
    if several:
        answered.append((_SEVERAL, caller.post(dialect.body(rows[:_SEVERAL]))))
    kinds: set[str] = set()
    for count, reply in answered:
        said, fault = _read(dialect, reply, count)
        if fault:
            return Part("blocked", f"{fault}; it said {reply.said}"), None
        kinds |= {_kind(one) for one in said}
    if len(kinds) > 1:
        return Part("blocked", f"answers are of different kinds: {', '.join(sorted(kinds))}"), None
    many = f", and {_SEVERAL} to a request of {_SEVERAL} rows" if several else ""
    return Part("passed", f"one answer a row{many}: {kinds.pop()}"), good


def schema(
    caller: Caller,
    dialect: Dialect,
    features: Sequence[Feature],
    good: Row,
    *,
    spared: Spared = (),
    lenient: bool = False,
) -> Schema:
    """What the endpoint says to every deviation from a good row. With `lenient`, taking too much is only reported."""
    asked = 0
    too_strict, too_lenient, broken = list[Finding](), list[Finding](), list[Finding]()
    for case in cases(features, good, spared):
        try:
            body = dialect.body([case.row])
        except Inexpressible:
            continue
        asked += 1
        reply = caller.post(body)
        if not reply.good and not reply.refused:
            broken.append(_finding(case, reply))
        elif reply.good != case.accepted:
            (too_strict if case.accepted else too_lenient).append(_finding(case, reply))
    blocked = bool(too_strict or broken or (too_lenient and not lenient))
    counts = ((too_strict, "refused though allowed"), (too_lenient, "accepted though refused by the contract"))
    words = [f"{len(found)} {what}" for found, what in (*counts, (broken, "neither accepted nor refused")) if found]
    said = ", ".join(words) or "each answered as the contract says"
    return Schema(
        outcome="blocked" if blocked else "passed",
        reason=f"{asked} deviations: {said}",
        cases=asked,
        strict=tuple(too_strict),
        lenient=tuple(too_lenient),
        broken=tuple(broken),
    )


def _read(dialect: Dialect, reply: Reply, rows: int) -> tuple[list[Said], str]:
    """What an answer says, and what is wrong with it."""
    if not reply.good:
        return [], f"status {reply.status} to a request of {rows} rows"
    try:
        said = dialect.said(reply.body)
    except Unreadable as error:
        return [], str(error)
    return said, _fault(said, rows)


def _fault(said: Sequence[Said], rows: int) -> str:
    if len(said) != rows:
        return f"{len(said)} answers to {rows} rows"
    for one in said:
        numbers: Iterable[Any] = (one.prediction, *one.probabilities)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            return "an answer is not a finite number"
        if one.prediction is None and not one.probabilities:
            return "an answer is null"
    return ""


def _kind(said: Said) -> str:
    if said.probabilities:
        return f"{len(said.probabilities)} probabilities"
    if isinstance(said.prediction, bool):
        return "true or false"
    return "a class" if isinstance(said.prediction, str) else "a number"


def _finding(case: Case, reply: Reply) -> Finding:
    sent = "" if case.kind == "the key left out" else _json(case.sent)
    return Finding(case.feature, case.kind, sent, "accepted" if case.accepted else "refused", reply.status, reply.said)


def _json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 200 else text[:199] + "…"
