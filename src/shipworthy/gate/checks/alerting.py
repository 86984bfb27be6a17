"""An alarm would be raised, and would reach somebody: shown by a drill, not by a setting."""

from __future__ import annotations

from shipworthy.alerts.records import LOG
from shipworthy.monitoring.records import Drill
from shipworthy.registry.records import Verdict

CHECK = "alerting"


def alerting(drill: Drill | None, id_: str | None = None) -> Verdict:
    """drill: the newest under the monitoring as it is declared now; None where none could be made."""
    if drill is None:
        return Verdict(
            CHECK, "undecided", "no drill could be made, because there is no reference to hold windows against"
        )
    evidence = () if id_ is None else (id_,)
    figures: dict[str, float | str | None] = {"payoff": drill.payoff, "share": drill.share, "windows": drill.windows}
    if drill.windows is None:
        reason = f"{drill.share:.0%} of the rows of {drill.payoff} were moved, and no alarm was raised"
        return Verdict(CHECK, "blocked", reason, figures, evidence)
    silent = [f"{reached.channel}: {reached.reason}" for reached in drill.channels if not reached.arrived]
    if silent:
        reason = f"the alert of a drill did not arrive: {'; '.join(silent)}; mend it, and check again"
        return Verdict(CHECK, "blocked", reason, figures, evidence)
    told = [reached.channel for reached in drill.channels if reached.channel != LOG]
    where = f"arrived at {', '.join(told)}" if told else "stands in the log, and nobody else is told: name a webhook"
    reason = (
        f"a drill moved {drill.share:.0%} of the rows of {drill.payoff}: "
        f"the alarm came after {drill.windows} window{'s' if drill.windows != 1 else ''}, and its alert {where}"
    )
    return Verdict(CHECK, "passed", reason, figures, evidence)
