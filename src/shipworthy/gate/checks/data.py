"""Training data fits the contract, so that what the model learnt from is what callers may send."""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy.contract.violations import Violation
from shipworthy.registry.records import Verdict

CHECK = "data"
SHOWN = 3  # violations in the reason


def data(violations: Sequence[Violation] | None, rows: int) -> Verdict:
    """violations: what `contract.violations` found in the training data; None where the data is gone.

    rows: of the training data, history and holdout.
    """
    if violations is None:
        return Verdict(CHECK, "undecided", "the training data could not be read again to hold it against the contract")
    against = [violation for violation in violations if not violation.tolerated]
    tolerated = len(violations) - len(against)
    figures: dict[str, float | str | None] = {
        "rows": rows,
        "violations": len(against),
        "violating_rows": sum(violation.rows for violation in against),
        "tolerated": tolerated,
    }
    if against:
        more = f"; and {len(against) - SHOWN} more" if len(against) > SHOWN else ""
        return Verdict(CHECK, "blocked", "; ".join(str(violation) for violation in against[:SHOWN]) + more, figures)
    if not rows:
        return Verdict(CHECK, "undecided", "the run records no rows of training data", figures)
    remark = f"; {tolerated} kind(s) of violation tolerated by on_violation" if tolerated else ""
    return Verdict(CHECK, "passed", f"{rows:,} rows of training data fit the contract{remark}", figures)
