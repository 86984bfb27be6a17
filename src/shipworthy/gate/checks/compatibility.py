"""Callers of the live release are not broken by the next one, unless the major version says so."""

from __future__ import annotations

from shipworthy.contract.comparison import breaking, must_raise_version
from shipworthy.contract.records import Contract
from shipworthy.registry.records import Verdict

CHECK = "compatibility"
SHOWN = 3  # changes in the reason


def compatibility(live: Contract | None, candidate: Contract) -> Verdict:
    """live: the contract of the live release; None where nothing is live."""
    if live is None:
        return Verdict(CHECK, "passed", "nothing is live yet, so that no caller can be broken")
    against = must_raise_version(live, candidate)
    figures: dict[str, float | str | None] = {
        "live_version": live.model.version,
        "version": candidate.model.version,
        "breaking": len(breaking(live, candidate)),
    }
    if against:
        more = f"; and {len(against) - SHOWN} more" if len(against) > SHOWN else ""
        shown = "; ".join(str(change) for change in against[:SHOWN])
        raise_it = f"raise model.version above {live.model.version}, or take the change back"
        return Verdict(CHECK, "blocked", f"callers of the live release would break: {shown}{more}; {raise_it}", figures)
    if figures["breaking"]:
        reason = f"callers would break, and model.version says so: {live.model.version} → {candidate.model.version}"
        return Verdict(CHECK, "passed", reason, figures)
    return Verdict(CHECK, "passed", "nothing that callers of the live release rely on has changed", figures)
