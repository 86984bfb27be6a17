"""What the server saw of a row is what the training source says of it: the same row, feature by feature.

The only check that passes for want of evidence: nothing can have been served before a first release. It says so.
"""

from __future__ import annotations

from shipworthy.contract.records import SkewRule
from shipworthy.monitoring.skew import Skew, said
from shipworthy.registry.records import Verdict

CHECK = "skew"
SHOWN = 3  # features in the reason


def skew(rule: SkewRule, found: Skew | None, id_: str | None = None, *, source: str = "") -> Verdict:
    """found: the comparison made for this verdict; None where `source` names no column of ids to make it by."""
    if found is None:
        reason = f"nothing to compare: set data.{source}.id to the column with the id that callers send"
        return Verdict(CHECK, "passed", reason)
    figures: dict[str, float | str | None] = {
        "rows": found.compared,
        "served": found.served,
        "differing": max((one.differing for one in found.features), default=0),
        "feature": found.features[0].feature if found.features else None,
    }
    evidence = () if id_ is None else (id_,)
    if found.compared < rule.fewest:
        reason = f"not enough rows yet: {found.compared:,} of {rule.fewest:,} that were served and stand in {source}"
        return Verdict(CHECK, "passed", reason, figures, evidence)
    against = [one for one in found.features if one.differing > rule.share * one.rows]
    if against:
        allowed = f" ({rule.share:.1%} of rows may); the training and the serving of a feature have to be one"
        return Verdict(CHECK, "blocked", f"{'; '.join(map(said, against[:SHOWN]))}{allowed}", figures, evidence)
    if found.missing:
        reason = f"no served row has {', '.join(found.missing[:SHOWN])}, so that nothing is known of it"
        return Verdict(CHECK, "passed", f"{found.words}; {reason}", figures, evidence)
    return Verdict(CHECK, "passed", found.words, figures, evidence)
