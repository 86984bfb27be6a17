"""The model can be made again from its record, and comes out alike enough."""

from __future__ import annotations

from shipworthy.contract.records import RebuildRule
from shipworthy.lineage.records import Rebuild, reaches
from shipworthy.registry.records import Verdict
from shipworthy.training.equivalence import told
from shipworthy.training.proof import Proof

CHECK = "rebuild"


def rebuild(
    rule: RebuildRule,
    made: Rebuild | None,
    id_: str | None = None,
    *,
    because: str = "",
    earlier: Proof | None = None,
) -> Verdict:
    """made: the last rebuild, and its id in the ledger. because: why there is none, e.g. the data is gone. earlier:
    the proof of a run with the same recipe, where the contract asks for no other.
    """
    if rule.when == "off":
        return Verdict(CHECK, "waived", "the contract switches rebuilding off: the release is unproven")
    if made is None and earlier is not None:
        reason = (
            f"not made again: code, parameters, environment and contract are those of {earlier.run}, which was made "
            f"again as {earlier.rung} ({earlier.rebuild})"
        )
        return Verdict(CHECK, "passed", reason, {"rung": earlier.rung, "wanted": rule.rung}, (earlier.rebuild,))
    if made is None or id_ is None:
        return Verdict(CHECK, "undecided", because or "the run was not rebuilt yet: `shipworthy rebuild` does that")
    figures: dict[str, float | str | None] = {
        "rung": made.rung,
        "wanted": rule.rung,
        "largest_difference": made.largest_difference,
        "seconds": made.seconds,
    }
    if reaches(made.rung, rule.rung):
        reason = f"made again from its record in {made.seconds:.1f} s: {made.rung}, asked for {rule.rung}"
        if made.rung == "statistically-equivalent" and made.equivalence is not None:
            reason += f": {told(made.equivalence)}"
        return Verdict(CHECK, "passed", reason, figures, (id_,))
    reason = f"made again it is {made.rung}, asked for {rule.rung}: {_why(made)}"
    return Verdict(CHECK, "blocked", reason, figures, (id_,))


def _why(made: Rebuild) -> str:
    """The cause where one was found, else what was seen to differ."""
    if made.equivalence is not None:
        return told(made.equivalence)
    seen = "; ".join(made.differences) or "nothing is known of how they differ"
    if made.diagnosis is None:
        return seen
    causes = "; ".join(
        f"{'cause' if cause.certain else 'likely cause'}: {cause.words}" for cause in made.diagnosis.causes
    )
    return causes or f"{made.diagnosis.words} ({seen})"
