"""Ship, hold, or cannot tell: what follows from verdicts, waivers and how strict the contract is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from shipworthy import clock
from shipworthy.contract.records import Enforcement
from shipworthy.gate.checks import (
    alerting,
    compatibility,
    data,
    latency,
    purpose,
    quality,
    rebuild,
    reference,
    rehearsal,
    runtime,
    skew,
)
from shipworthy.registry.fitness import Fitness, fitness, never_made, said, stops
from shipworthy.registry.records import Verdict, Waiver

# Every check, in the order in which they are shown.
CHECKS: tuple[str, ...] = (
    purpose.CHECK,
    data.CHECK,
    quality.CHECK,
    rebuild.CHECK,
    latency.CHECK,
    runtime.CHECK,
    rehearsal.CHECK,
    reference.CHECK,
    alerting.CHECK,
    skew.CHECK,
    compatibility.CHECK,
)

Answer = Literal["ship", "hold", "undecided"]


class Decision(msgspec.Struct, frozen=True):
    """What the gate says to a run."""

    answer: Answer
    reason: str  # a line a check that stands against it; else one sentence
    proven: bool  # every check has passed by itself
    verdicts: tuple[Verdict, ...]  # one a check, in order, waivers applied
    against: tuple[str, ...]  # checks that did not pass and are not waived
    waived: tuple[str, ...]
    expired: tuple[Waiver, ...]  # waivers that ran out and would have been needed
    enforcement: Enforcement

    @property
    def ships(self) -> bool:
        """Whether the run may be released."""
        return self.answer == "ship"


def decide(
    verdicts: Sequence[Verdict],
    enforcement: Enforcement,
    waivers: Mapping[str, Waiver],
    expired: Mapping[str, Waiver],
    required: Sequence[str] = CHECKS,
) -> Decision:
    """What follows. `waivers` are those in force, `expired` those that ran out, by check, signatures verified.

    Of a check with several verdicts the last one counts; a required check without one is undecided. A `no` outweighs a
    "cannot tell". A contract that only observes or warns ships whatever stands against it, and says so.
    """
    latest = {verdict.check: verdict for verdict in verdicts}
    complete = [latest.get(check, never_made(check)) for check in required]
    complete += [verdict for check, verdict in latest.items() if check not in required]
    judged = tuple(_judge(verdict, waivers, expired) for verdict in complete)
    fit = fitness(judged, required)
    against = (*fit.blocked, *fit.undecided)
    return Decision(
        answer=_answer(fit, enforcement),
        reason=_reason(fit, enforcement),
        proven=fit.proven,
        verdicts=judged,
        against=tuple(verdict.check for verdict in against),
        waived=tuple(verdict.check for verdict in fit.waived),
        expired=tuple(expired[verdict.check] for verdict in against if verdict.check in expired),
        enforcement=enforcement,
    )


def exit_code(answer: Answer) -> int:
    """0 ship, 1 hold, 3 undecided."""
    return {"ship": 0, "hold": 1, "undecided": 3}[answer]


def _judge(verdict: Verdict, waivers: Mapping[str, Waiver], expired: Mapping[str, Waiver]) -> Verdict:
    """A verdict as it counts: waived where a person answers for it, and loud where they no longer do."""
    if verdict.outcome not in ("blocked", "undecided"):
        return verdict
    waiver, ended = waivers.get(verdict.check), expired.get(verdict.check)
    if waiver is not None:
        reason = (
            f"waived until {_day(waiver.until)} by {waiver.by}: {waiver.because} ({verdict.outcome}: {verdict.reason})"
        )
        return msgspec.structs.replace(verdict, outcome="waived", reason=reason)
    if ended is not None:
        reason = f"{verdict.reason} (the waiver of {ended.by}, {ended.because!r}, EXPIRED on {_day(ended.until)})"
        return msgspec.structs.replace(verdict, reason=reason)
    return verdict


def _answer(fit: Fitness, enforcement: Enforcement) -> Answer:
    if not stops(enforcement):
        return "ship"
    if fit.blocked:
        return "hold"
    return "undecided" if fit.undecided else "ship"


def _reason(fit: Fitness, enforcement: Enforcement) -> str:
    against = (*fit.blocked, *fit.undecided)
    if not against:
        return "every check passed" if fit.proven else f"every check passed or is waived ({_named(fit.waived)})"
    lines = "\n".join(said(verdict) for verdict in against)
    if stops(enforcement):
        return lines
    return f"the contract only {enforcement}s, so that this does not stop it:\n{lines}"


def _named(verdicts: Sequence[Verdict]) -> str:
    return ", ".join(verdict.check for verdict in verdicts)


def _day(instant: int) -> str:
    return clock.to_datetime(instant).date().isoformat()
