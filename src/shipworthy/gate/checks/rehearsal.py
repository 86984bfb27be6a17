"""The SLA was rehearsed before the model was trained, so that it never was a surprise at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shipworthy import clock
from shipworthy.registry.records import Outcome, Rehearsal, Verdict

CHECK = "rehearsal"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A rehearsal as it stands in the ledger."""

    id: str
    at: int  # ns since 1970, UTC
    record: Rehearsal


def rehearsal(serving: str, started: int, rehearsals: Sequence[Rehearsed]) -> Verdict:
    """serving: digest of the run's [features] and [serving]. started: of the run, ns since 1970, UTC."""
    same = [rehearsed for rehearsed in rehearsals if rehearsed.record.serving == serving]
    before = [rehearsed for rehearsed in same if rehearsed.at <= started]
    passed = [rehearsed for rehearsed in before if rehearsed.record.verdict.outcome == "passed"]
    if passed:
        return _passed(max(passed, key=lambda rehearsed: rehearsed.at))
    if before:
        last = max(before, key=lambda rehearsed: rehearsed.at)
        outcome: Outcome = "undecided" if last.record.verdict.outcome == "undecided" else "blocked"
        return Verdict(CHECK, outcome, f"the rehearsal did not pass: {last.record.verdict.reason}", {}, (last.id,))
    if same:
        first = min(same, key=lambda rehearsed: rehearsed.at)
        late = (
            f"this SLA was first rehearsed at {clock.to_iso(first.at)}, after training began at {clock.to_iso(started)}"
        )
        return Verdict(CHECK, "blocked", f"{late}; train again", {}, (first.id,))
    known = f"; {len(rehearsals)} of other [features] or [serving] do not count" if rehearsals else ""
    reason = f"these [features] and [serving] were never rehearsed{known}: run `shipworthy rehearse`, then train"
    return Verdict(CHECK, "blocked", reason)


def _passed(rehearsed: Rehearsed) -> Verdict:
    record = rehearsed.record
    figures: dict[str, float | str | None] = {
        "platform_ms": record.platform_ms,
        "highest_rate": record.highest_rate,
        "budget_ms": record.budget_ms,
    }
    reason = (
        f"rehearsed at {clock.to_iso(rehearsed.at - rehearsed.at % clock.SECOND)}, before training: "
        f"{record.budget_ms:.3g} ms were left for the model"
    )
    return Verdict(CHECK, "passed", reason, figures, (rehearsed.id,))
