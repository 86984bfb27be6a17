"""Whether verdicts let a run be released. A pure rule: the gate decides with it, the registry insists on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from shipworthy.contract.records import Enforcement
from shipworthy.registry.records import Verdict


class Fitness(msgspec.Struct, frozen=True):
    """What stands against a release, and what is missing to call it proven."""

    blocked: tuple[Verdict, ...]  # the answer is no
    undecided: tuple[Verdict, ...]  # could not be measured, or never was
    waived: tuple[Verdict, ...]

    @property
    def proven(self) -> bool:
        """Whether every check has passed by itself."""
        return not (self.blocked or self.undecided or self.waived)

    @property
    def unproven_because(self) -> tuple[str, ...]:
        """A line a check that has not passed by itself."""
        return tuple(said(verdict) for verdict in (*self.blocked, *self.undecided, *self.waived))


def fitness(verdicts: Sequence[Verdict], required: Sequence[str]) -> Fitness:
    """Judges the last verdict of each check; a required check without one counts as undecided."""
    latest = {verdict.check: verdict for verdict in verdicts}
    missing = [never_made(check) for check in required if check not in latest]
    outcomes = [*latest.values(), *missing]
    return Fitness(
        blocked=tuple(verdict for verdict in outcomes if verdict.outcome == "blocked"),
        undecided=tuple(verdict for verdict in outcomes if verdict.outcome == "undecided"),
        waived=tuple(verdict for verdict in outcomes if verdict.outcome == "waived"),
    )


def only(fit: Fitness, checks: Collection[str]) -> Fitness:
    """As much of it as some checks say."""
    return Fitness(*(tuple(one for one in each if one.check in checks) for each in msgspec.structs.astuple(fit)))


def never_made(check: str) -> Verdict:
    """The verdict of a required check that nobody has made."""
    return Verdict(check, "undecided", "this check was never made: run `shipworthy check`")


def stops(enforcement: Enforcement) -> bool:
    """Whether the contract lets the gate stop a release."""
    return enforcement == "block"


def said(verdict: Verdict) -> str:
    """A verdict in one line."""
    return f"{verdict.check} {verdict.outcome}: {verdict.reason}"
