"""Monitoring has something to compare with, large enough to see by, and silent when held against itself."""

from __future__ import annotations

from shipworthy.contract.records import Monitoring
from shipworthy.counts.reference import Payoff, Reference, Regime
from shipworthy.monitoring.radius import of_intervals
from shipworthy.registry.records import Verdict

CHECK = "reference"
BLIND = 0.5  # where less than half of the rows may move unseen, a payoff is still worth watching


def reference(monitoring: Monitoring, found: Reference | None) -> Verdict:
    """found: what the run froze at training; None where there is none."""
    if found is None:
        return Verdict(CHECK, "blocked", "the run has no monitoring reference: what it answers could not be watched")
    if not found.payoffs:
        return Verdict(CHECK, "blocked", "the monitoring reference watches nothing")
    regimes = {regime.payoff: regime for regime in found.regimes}
    unsettled = [payoff.name for payoff in found.payoffs if payoff.name not in regimes]
    rows = min(payoff.rows for payoff in found.payoffs)
    figures: dict[str, float | str | None] = {
        "history_rows": found.history.rows,
        "holdout_rows": found.holdout.rows,
        "payoffs": len(found.payoffs),
    }
    if unsettled:
        reason = f"it was not shown that these stay silent against the reference itself: {', '.join(unsettled)}"
        return Verdict(CHECK, "undecided", reason, figures)
    unseen = max(_unseen(payoff, monitoring.drift) for payoff in found.payoffs)
    figures["unseen"] = unseen
    if unseen >= BLIND:
        reason = f"{rows:,} rows are too few: {unseen:.0%} of rows could move before it was seen"
        return Verdict(CHECK, "blocked", reason, figures)
    return _settled(found, regimes, monitoring.drift, figures, rows)


def _settled(
    found: Reference, regimes: dict[str, Regime], drift: float, figures: dict[str, float | str | None], rows: int
) -> Verdict:
    deaf = [name for name, regime in regimes.items() if regime.drift >= 1]
    raised = [name for name, regime in regimes.items() if drift < regime.drift < 1]
    figures |= {"raised": len(raised), "deaf": len(deaf)}
    if len(deaf) == len(found.payoffs):
        return Verdict(CHECK, "blocked", "the reference moves so much by itself that nothing can be watched", figures)
    remarks = [
        f"features are compared with {found.origin}, answers with those to the rows held out" if found.origin else "",
        f"more drift allowed, because the reference itself moves: {', '.join(raised)}" if raised else "",
        f"cannot be watched: {', '.join(deaf)}" if deaf else "",
    ]
    told = "".join(f"; {remark}" for remark in remarks if remark)
    reason = f"{len(found.payoffs)} things watched, at least {rows:,} rows each, silent against themselves{told}"
    return Verdict(CHECK, "passed", reason, figures)


def _unseen(payoff: Payoff, drift: float) -> float:
    """Share of rows that may move to one side before evidence can grow: drift allowed, and the sample's own error."""
    return 1.0 if not payoff.rows else drift + of_intervals(payoff.rows)
