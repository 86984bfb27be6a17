"""A way of counting in plain words."""

from __future__ import annotations

from shipworthy.counts.reference import Regime
from shipworthy.counts.slots import Season, size_of

OF_SEASON: dict[Season, str] = {
    "hour-of-day": "hour of the day",
    "day-of-week": "day of the week",
    "hour-of-week": "hour of the week",
    "segment": "segment",
}


def of_rows(regime: Regime, sample: str, zone: str, *, pooled_first: bool) -> str:
    """Rows, or bursts of them, that count one by one."""
    what = "rows count one by one"
    if regime.burst > 1:
        what = f"{regime.burst:g} rows count as one, for they come in bursts"
    reason = f"no stretch of {sample} would have raised an alarm"
    if regime.groups and pooled_first:
        reason = f"all rows together would have raised an alarm within {sample} itself, and so no stretch of it does"
    return f"{what}{against(regime, zone)}, beyond {regime.drift:.0%}: {reason}"


def of_windows(regime: Regime, rows: int, reason: str, zone: str) -> str:
    """Windows that count once."""
    worth = rows / max(regime.cells_clustering, regime.runs_clustering)
    return (
        f"one bet a window{against(regime, zone)}, beyond {regime.drift:.0%}: {reason}; "
        f"its {rows:,} rows tell as much as {worth:,.0f} independent ones"
    )


def against(regime: Regime, zone: str) -> str:
    """What rows are held against, where that is not simply the reference."""
    if regime.season is None or not regime.groups:
        return ""
    groups, clocks = max(regime.groups) + 1, "" if regime.season == "segment" else f" ({zone})"
    slots = len(regime.groups) if regime.season == "segment" else size_of(regime.season)
    pooled = f", pooled to {groups} groups where thin" if groups < slots else ""
    return f", each against its {OF_SEASON[regime.season]}{clocks}{pooled}"


def why_not_rows(sample: str, windows: int, fewest: int, fewest_for_rows: int) -> str:
    """Why rows are not trusted one by one."""
    if windows < fewest:
        return f"{sample} spans {windows} windows, too few to be held against itself ({fewest} are needed)"
    if windows < fewest_for_rows:
        return f"{sample} spans {windows} windows, too few to trust rows one by one ({fewest_for_rows} are needed)"
    return f"counted row by row, {sample} would have raised an alarm against itself, or was silent by luck alone"
