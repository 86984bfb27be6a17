"""It is written down what is decided by the model's answers, and who answers for it."""

from __future__ import annotations

from shipworthy.contract.proposal import UNWRITTEN
from shipworthy.contract.records import Purpose
from shipworthy.registry.records import Verdict

CHECK = "purpose"


def purpose(declared: Purpose) -> Verdict:
    """Blocked where a key still says what `shipworthy init` left there for a person to replace."""
    unwritten = [
        f"purpose.{key}"
        for key, text in (("decision", declared.decision), ("owner", declared.owner))
        if UNWRITTEN in text.lower()
    ]
    if unwritten:
        reason = f"{' and '.join(unwritten)} still as `shipworthy init` left it: write it into the contract, then train"
        return Verdict(CHECK, "blocked", reason)
    return Verdict(CHECK, "passed", f"{declared.owner} answers for it: {declared.decision}")
