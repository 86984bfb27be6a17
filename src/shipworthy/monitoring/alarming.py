"""An alarm made from what one window gave: pure, and in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy import clock
from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts
from shipworthy.monitoring.causes import distance, explained, in_words, moved_bins, score_change, total, unexplained
from shipworthy.monitoring.following import Followed, log10
from shipworthy.monitoring.grouping import as_seen
from shipworthy.monitoring.performance import Decline, Promised
from shipworthy.monitoring.rates import WORDS
from shipworthy.monitoring.records import VERSION, Alarm, Moved, Quality
from shipworthy.monitoring.skew import said
from shipworthy.monitoring.skew_evidence import SkewLook, SkewReading

_NAMED = 3  # payoffs that the sentence names


def of_drift(
    followed: Followed, reference: Reference, windows: Sequence[tuple[int, Counts]], *, repeated: bool
) -> Alarm:
    """The alarm of a window; `windows` are those followed so far, it included, oldest first."""
    evidence, chosen = followed.evidence, followed.selection.chosen
    moved = tuple(_moved(followed, reference, windows, index) for index in chosen)
    since = min(one.since for one in moved)
    together = total(reference, [counts for start, counts in windows if start >= since])
    change, found = score_change(reference, together), explained(as_seen(reference, together), together, chosen)
    answers = in_words(reference, change, found)
    return Alarm(
        version=VERSION,
        cause="drift",
        release=evidence.release,
        window=evidence.window,
        event_time=evidence.end,
        since=since,
        strength=max(one.strength for one in moved),
        threshold=evidence.threshold,
        moved=moved,
        explained=found,
        score_change=change,
        confirmed=bool(evidence.confirmed),
        repeated=repeated,
        words=drift_words(moved, since, repeated=repeated) + (f"; {answers}" if answers else ""),
        unexplained=unexplained(change, found),
    )


def told(alarm: Alarm) -> str:
    """What goes to others: the sentence, and the ids of rows to look at, never what they hold."""
    named = ", ".join(dict.fromkeys(one.prediction for one in alarm.examples[:_NAMED]))
    return alarm.words + (f"; rows to look at: {named}" if named else "")


def of_rates(followed: Followed, *, repeated: bool) -> Alarm:
    """The alarm of a window after which rates are above what the contract promises."""
    evidence = followed.evidence
    above = tuple(evidence.rates[index] for index in followed.rates)
    since = min(followed.rates_since[index] for index in followed.rates)
    verb = "are still not" if repeated else "are not"
    said = "; ".join(
        f"{one.bad / max(1, one.of):.2%} of {WORDS[one.rate]} ({one.bad:,} of {one.of:,} in the newest window), "
        f"at most {one.bound:.2%} is promised"
        for one in above
    )
    return Alarm(
        version=VERSION,
        cause="requests",
        release=evidence.release,
        window=evidence.window,
        event_time=evidence.end,
        since=since,
        strength=max(one.strength for one in above),
        threshold=evidence.threshold,
        repeated=repeated,
        words=f"requests {verb} what the contract promises, it seems since {_day(since)}: {said}",
        rates=above,
    )


def of_skew(look: SkewLook, reading: SkewReading, release: int, window: int, log_threshold: float) -> Alarm:
    """The alarm of a look after which training and serving are skewed."""
    against = [one for one in look.features if one.differing > look.allowed * one.rows] or list(look.features)
    named = "; ".join(said(one) for one in against[:_NAMED])
    more = f"; and {len(against) - _NAMED} more" if len(against) > _NAMED else ""
    words = (
        f"what is served is not what {look.source} says, it seems since {_day(reading.since)}: {named}{more} "
        f"({look.allowed:.1%} of rows may)"
    )
    return Alarm(
        version=VERSION,
        cause="skew",
        release=release,
        window=look.event_time - look.event_time % window,
        event_time=look.event_time,
        since=reading.since,
        strength=log10(reading.log_sum),
        threshold=log10(log_threshold),
        skewed=tuple(against),
        words=words,
    )


def of_decline(
    quality: Quality, decline: Decline, promised: Promised, since: int, log_threshold: float, *, repeated: bool
) -> Alarm:
    """The alarm of a window whose labels say that the model has become worse."""
    again = "still " if repeated else ""
    mean = f" as the mean of {promised.windows:,} windows" if promised.windows > 1 else ""
    words = (
        f"{quality.metric} is {again}worse than on the rows held out by {decline.worse_by:.3g}, on the "
        f"{quality.labelled:,} labelled rows of the window of {_day(quality.window)} ({quality.value:.4g}, held out "
        f"{promised.value:.4g}{mean})"
    )
    return Alarm(
        version=VERSION,
        cause="performance",
        release=quality.release,
        window=quality.window,
        event_time=quality.end,
        since=since,
        strength=log10(decline.log_sum),
        threshold=log10(log_threshold),
        repeated=repeated,
        words=words,
    )


def _moved(followed: Followed, reference: Reference, windows: Sequence[tuple[int, Counts]], index: int) -> Moved:
    regime, since = reference.regimes[index], followed.since[index]
    together = total(reference, [one for start, one in windows if start >= since])
    payoff, counts = as_seen(reference, together).payoffs[index], together.of_payoffs(reference)[index]
    return Moved(
        payoff=payoff.name,
        origin=payoff.origin,
        strength=followed.evidence.payoffs[index].strength,
        since=since,
        distance=distance(payoff, counts),
        drift=regime.drift,
        bets=regime.bets,
        bins=moved_bins(payoff, counts),
    )


def drift_words(moved: Sequence[Moved], since: int, *, repeated: bool = False) -> str:
    """What moved, by how much, since when."""
    named = "; ".join(_moved_words(one) for one in moved[:_NAMED])
    others = f"; and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
    verb = "still differs" if repeated else "differs"
    return f"the world {verb} from the reference, it seems since {_day(since)}: {named}{others}"


def _moved_words(one: Moved) -> str:
    first = one.bins[0]
    change = f"“{first.bin}” {first.before:.0%} → {first.after:.0%}"
    together = " together" if one.origin == "joint" else ""
    return f"{one.payoff}{together} by {one.distance:.0%} of rows where {one.drift:.0%} is allowed ({change})"


def _day(instant: int) -> str:
    text = clock.to_iso(instant)
    return text.removesuffix("T00:00:00Z")
