"""An earlier run that was made again and was made from the same: what `when = "changed"` rests on."""

from __future__ import annotations

from dataclasses import dataclass

from shipworthy.lineage.records import ReachedRung, Rebuild, Run, reaches
from shipworthy.store.ledger import Entry, Ledger


@dataclass(frozen=True, slots=True)
class Proof:
    """A rebuild that reached its rung, of a run with the same recipe."""

    rebuild: str  # id
    run: str  # id
    rung: ReachedRung


def earlier_proof(ledger: Ledger, entry: Entry) -> Proof | None:
    """The proof that a run may rest on; None where its recipe has changed since the last proven one, or where the
    newest rebuild of this recipe failed.

    Only where its contract rebuilds what has changed.
    """
    run = entry.decode(Run)
    rule = run.contract.gate.rebuild
    if rule.when != "changed":
        return None
    for found in ledger.entries("rebuild", entry.model):  # newest first
        made = found.decode(Rebuild)
        reached = reaches(made.rung, rule.rung)
        if not changed(ledger.get(made.run).decode(Run), run):
            return Proof(found.id, made.run, made.rung) if reached else None
        if reaches(made.rung, made.wanted):
            return None
    return None


def changed(then: Run, now: Run) -> tuple[str, ...]:
    """What of a recipe is another, in words; the data are no part of it."""
    pairs = {
        "code": (then.code.digest, now.code.digest),
        "parameters": (then.parameters, now.parameters),
        "seed": (then.seed, now.seed),
        "environment": (then.environment.lock, now.environment.lock),
        "Python": (then.environment.python, now.environment.python),
        "contract": (then.contract.digest, now.contract.digest),
    }
    return tuple(what for what, (a, b) in pairs.items() if a != b)
