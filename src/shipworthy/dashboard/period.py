"""What the report of a period shows, as frozen records, from a ledger or from a replayed log. Pure but for reading."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.counts.reference import Reference, Regime
from shipworthy.dashboard.judging import sentences, slice_views, views_of
from shipworthy.dashboard.reading import marks_of, newest_quality, points_of
from shipworthy.dashboard.view import EvidenceView, Mark, QualityView, SliceView, compared_with
from shipworthy.errors import WrongUse
from shipworthy.monitoring.limits import cannot_promise
from shipworthy.monitoring.records import Alarm, Example, Explained, Moved, Quality, WindowEvidence
from shipworthy.refresh.records import Refresh
from shipworthy.replay.quality import mean, words
from shipworthy.replay.records import NEAR, Compared, Replay
from shipworthy.store.ledger import Ledger

_LOG = 0  # the release of a replayed log: it has none


class AlarmView(msgspec.Struct, frozen=True):
    """An alarm, what moved, and what became of it."""

    at: int
    release: int  # 0: a replayed log's
    cause: str
    words: str
    moved: tuple[Moved, ...]
    explained: tuple[Explained, ...]
    score_change: float | None
    quality: str  # what quality did
    followed: str  # the refresh that it caused; "" where there was none
    unexplained: float | None = None  # of the change of the score
    examples: tuple[Example, ...] = ()


class PeriodView(msgspec.Struct, frozen=True):
    """A period on one page. Instants are ns since 1970, UTC."""

    title: str
    facts: tuple[tuple[str, str], ...]  # name, figure
    promise: str
    metric: str  # "": no labels
    level: float | None  # what the metric is held against
    level_words: str
    alarms: tuple[AlarmView, ...]  # oldest first
    evidence: tuple[EvidenceView, ...]
    quality: tuple[QualityView, ...]
    marks: tuple[Mark, ...]
    regimes: tuple[Regime, ...] = ()
    cannot: tuple[str, ...] = ()  # what the reference cannot promise
    notes: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    quality_words: tuple[str, ...] = ()  # what is known of quality at the end, a sentence each
    slices: tuple[SliceView, ...] = ()


def of_replay(replay: Replay) -> PeriodView:
    """The report of a replayed log."""
    reference = replay.reference
    first, last = replay.evidence[0].window, replay.evidence[-1].end
    alarms = tuple(_alarm(told.alarm, words(told, replay.metric), "") for told in replay.alarms)
    falls = [Mark(fall.known, "quality fell", f"{replay.metric} is sure to have fallen") for fall in replay.falls]
    raised = [Mark(alarm.at, "alarm", alarm.words) for alarm in alarms]
    labelled = any(one.labelled for one in replay.quality)
    return PeriodView(
        title=replay.log,
        facts=(
            ("period", f"{_day(first)} to {_day(last)}"),
            ("windows", f"{len(replay.evidence):,} of {clock.spoken(replay.window)}"),
            ("predictions", f"{sum(one.rows for one in replay.evidence):,}"),
            ("reference", f"{reference.words}: {reference.rows:,} rows, {reference.windows} windows"),
            ("alarms", f"{len(replay.alarms)}"),
            (
                "falls of quality",
                f"{len(replay.falls)}" if labelled else "no labels",
            ),
        ),
        promise=_promise(replay.false_alarms, replay.window, replay.drift),
        metric=(replay.metric or "") if replay.quality else "",
        level=reference.quality,
        level_words="the reference's own",
        alarms=alarms,
        evidence=evidence_of(replay.evidence),
        quality=views_of(replay.quality),
        marks=tuple(sorted([*raised, *falls], key=lambda mark: mark.at)),
        regimes=replay.regimes,
        cannot=replay.cannot,
        notes=replay.notes,
        compared=replay.compared,
        quality_words=sentences(replay.quality),
        slices=slice_views(replay.quality),
    )


def of_ledger(
    ledger: Ledger, contract: Contract, since: int | None, until: int | None, reference: Reference | None = None
) -> PeriodView:
    """The report of a model in production, from windows that begin in [since, until). WrongUse where none does.

    reference: of the release that is live now.
    """
    model, monitoring = contract.name, contract.monitoring

    def inside(instant: int) -> bool:
        return (since is None or instant >= since) and (until is None or instant < until)

    evidence = [entry.decode(WindowEvidence) for entry in ledger.entries("evidence", model)]
    shown = sorted((one for one in evidence if inside(one.window)), key=lambda one: (one.window, one.release))
    if not shown:
        raise WrongUse(f"no window of {model} lies in the period: {_spanned(evidence)}")
    known = newest_quality(ledger, model)
    quality = [one for one in known if inside(one.window)]
    newest = [one for one in quality if one.release == quality[-1].release]
    refreshes = [entry.decode(Refresh) for entry in ledger.entries("refresh", model)]
    answers = {one.trigger.alarm: f"{one.ending}: {one.reason}" for one in refreshes if one.trigger.alarm}
    raised = [(entry.id, entry.decode(Alarm)) for entry in ledger.entries("alarm", model)]
    alarms = [
        _alarm(alarm, _quality_words(alarm, known, monitoring.window, contract.gate.metric), answers.get(id_, ""))
        for id_, alarm in raised
        if inside(alarm.event_time)
    ]
    minimum = contract.gate.minimum
    return PeriodView(
        title=model,
        facts=(
            ("period", f"{_day(shown[0].window)} to {_day(shown[-1].end)}"),
            ("windows", f"{len(shown):,} of {clock.spoken(monitoring.window)}"),
            ("predictions", f"{sum(one.rows for one in shown):,}"),
            ("late", f"{sum(one.late for one in shown):,}"),
            ("outside the contract", f"{sum(sum(one.violations.values()) for one in shown):,}"),
            ("refused", f"{sum(sum(one.refused.values()) for one in shown):,}"),
            ("releases", ", ".join(f"@{number}" for number in sorted({one.release for one in shown}))),
            ("alarms", f"{len(alarms)}"),
        ),
        promise=_promise(monitoring.false_alarms, monitoring.window, monitoring.drift),
        metric=contract.gate.metric if quality else "",
        level=minimum,
        level_words="the gate's limit",
        alarms=tuple(sorted(alarms, key=lambda alarm: alarm.at)),
        evidence=evidence_of(shown),
        quality=views_of(quality),
        marks=tuple(mark for mark in marks_of(ledger, model) if inside(mark.at)),
        regimes=() if reference is None else reference.regimes,
        cannot=() if reference is None else cannot_promise(reference, reference.regimes),
        notes=(compared_with(reference.origin),) if reference is not None and reference.origin else (),
        quality_words=sentences(newest),
        slices=slice_views(newest),
    )


def evidence_of(windows: Sequence[WindowEvidence]) -> tuple[EvidenceView, ...]:
    """One point a window and payoff."""
    return tuple(point for window in windows for point in points_of(window))


def _spanned(windows: Sequence[WindowEvidence]) -> str:
    if not windows:
        return "none has closed yet"
    first, last = min(one.window for one in windows), max(one.end for one in windows)
    return f"windows have closed from {_day(first)} to {_day(last)}"


def _alarm(alarm: Alarm, quality: str, followed: str) -> AlarmView:
    return AlarmView(
        alarm.event_time,
        alarm.release,
        alarm.cause,
        alarm.words,
        alarm.moved,
        alarm.explained,
        alarm.score_change,
        quality,
        followed,
        alarm.unexplained,
        alarm.examples,
    )


def _quality_words(alarm: Alarm, known: Sequence[Quality], window: int, metric: str) -> str:
    same = [one for one in known if one.release == alarm.release]
    before = mean([one for one in same if one.window < alarm.since])
    since = mean([one for one in same if alarm.since <= one.window < alarm.event_time + NEAR * window])
    if before is None or since is None:
        return "no labels say what quality did"
    return f"{metric} {before:.4g} before the drift, {since:.4g} since"


def _promise(false_alarms: float, window: int, drift: float) -> str:
    return (
        f"false alarms: at most {false_alarms:g} a year for the model as a whole; windows of {clock.spoken(window)}; "
        f"drift is more than {drift:.0%} of rows moved"
    )


def _day(instant: int) -> str:
    return clock.to_iso(instant).removesuffix("T00:00:00Z")
