"""Did quality fall, when, and did the alarms come before or after? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from shipworthy.monitoring import alarming, rearming
from shipworthy.monitoring.following import log10
from shipworthy.monitoring.performance import Decline, Promised, begun
from shipworthy.monitoring.records import Alarm, Quality
from shipworthy.replay.records import NEAR, Fall, Relation, Told

_FALLEN = rearming.FALLEN * log(10)


def falls(evidence: Sequence[Decline], log_limit: float) -> tuple[Fall, ...]:
    """The times in which the evidence that quality is worse stands above a limit, until it is far below it."""
    found: list[Fall] = []
    standing: Fall | None = None
    for index, one in enumerate(evidence):
        if standing is None and one.log_sum >= log_limit:
            standing = Fall(begun(evidence[: index + 1]), one.end, None, one.worse_by)
        elif standing is not None and one.log_sum <= log_limit - _FALLEN:
            found.append(Fall(standing.since, standing.known, one.end, standing.worse_by))
            standing = None
    return (*found, standing) if standing is not None else tuple(found)


def performance_alarms(
    evidence: Sequence[Decline], qualities: Sequence[Quality], promised: Promised, log_threshold: float
) -> list[Alarm]:
    """The alarms that a watch with [monitoring] performance would have raised."""
    of_window = {quality.window: quality for quality in qualities}
    threshold = log10(log_threshold)
    standing: list[tuple[int, float]] = []
    alarms: list[Alarm] = []
    for index, one in enumerate(evidence):
        standing.append((one.end, log10(one.log_sum) - threshold))
        raised = [rearming.Raised(alarm.event_time, None) for alarm in alarms]
        if rearming.verdict(standing, raised, 0, rearming.FALLEN) == "first":
            since = begun(evidence[: index + 1])
            found = of_window[one.window]
            alarms.append(alarming.of_decline(found, one, promised, since, log_threshold, repeated=False))
    return alarms


def relation(at: int, found: Sequence[Fall], window: int) -> tuple[Relation, int | None]:
    """What quality did about an instant, and how many windows lie between."""
    for fall in found:
        if fall.known <= at and (fall.ended is None or at < fall.ended):
            return "after", (at - fall.known) // window
    ahead = [(fall.known - at) // window for fall in found if at < fall.known <= at + NEAR * window]
    return ("before", min(ahead)) if ahead else ("none", None)


def told(alarm: Alarm, found: Sequence[Fall] | None, qualities: Sequence[Quality], window: int) -> Told:
    """An alarm with what quality did; `found` is None where no labels say."""
    if found is None:
        return Told(alarm, "unknown", None, None, None)
    what, apart = relation(alarm.event_time, found, window)
    before = [one for one in qualities if one.window < alarm.since]
    since = [one for one in qualities if alarm.since <= one.window < alarm.event_time + NEAR * window]
    return Told(alarm, what, apart, mean(before), mean(since))


def mean(qualities: Sequence[Quality]) -> float | None:
    """Of the windows' values, by labelled rows; None where none has one."""
    known = [(one.value, one.labelled) for one in qualities if one.value is not None and one.labelled]
    rows = sum(count for _, count in known)
    return sum(value * count for value, count in known) / rows if rows else None


def words(told: Told, metric: str | None) -> str:
    """What quality did about an alarm, in plain words."""
    values = ""
    if told.quality_before is not None and told.quality_since is not None:
        values = f" ({metric} {told.quality_before:.4g} before, {told.quality_since:.4g} since)"
    windows = f"{told.windows} windows" if told.windows != 1 else "1 window"
    return {
        "before": f"{windows} before quality was sure to have fallen{values}",
        "after": f"{windows} after quality was sure to have fallen{values}",
        "none": f"quality did not fall{values}",
        "unknown": "no labels say what quality did",
    }[told.relation]
