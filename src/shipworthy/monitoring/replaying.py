"""Windows of the past, followed as a watch would have followed them while they closed. Pure.

The same evidence, the same threshold and the same rule on repeating an alarm; only that nobody answers one, so that no
alarm is raised again for want of a refresh.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from shipworthy.contract.records import Monitoring
from shipworthy.counts.reference import Reference, Regime
from shipworthy.counts.windows import Counts
from shipworthy.monitoring import alarming, rearming
from shipworthy.monitoring.following import Following
from shipworthy.monitoring.records import Alarm, WindowEvidence

_NO_RELEASE = 0  # what a model is called that no registry knows


class Replayed(msgspec.Struct, frozen=True):
    """What the windows say against the reference."""

    regimes: tuple[Regime, ...]  # how evidence against each payoff was counted, and why
    evidence: tuple[WindowEvidence, ...]  # one a window, oldest first
    alarms: tuple[Alarm, ...]  # oldest first
    reference: Reference  # with its regimes
    log_threshold: float  # log of the evidence that one payoff alone needs for an alarm


def replayed(
    reference: Reference,
    windows: Mapping[int, Counts],
    monitoring: Monitoring,
    *,
    others: int = 0,
    begins_within: bool = False,
) -> Replayed:
    """Follow windows, by their starts, in the order of time.

    others: things besides the payoffs that share the promise on false alarms. begins_within: the first window may
    hold only a part of its time.
    """
    following = Following(
        _NO_RELEASE, reference, monitoring, len(reference.payoffs) + others, begins_within=begins_within
    )
    followed: list[tuple[int, Counts]] = []
    evidence: list[WindowEvidence] = []
    standing: list[tuple[int, float]] = []
    alarms: list[Alarm] = []
    for start in sorted(windows):
        found = following.follow(start, windows[start])
        followed.append((start, windows[start]))
        evidence.append(found.evidence)
        standing.append((found.evidence.end, found.evidence.standing))
        raised = [rearming.Raised(alarm.event_time, None) for alarm in alarms]
        if rearming.verdict(standing, raised, 0, rearming.FALLEN) == "first":
            alarms.append(alarming.of_drift(found, following.reference, followed, repeated=False))
    return Replayed(
        following.reference.regimes, tuple(evidence), tuple(alarms), following.reference, following.log_threshold
    )
