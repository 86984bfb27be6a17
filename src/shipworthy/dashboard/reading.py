"""From the ledger to the view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shipworthy import clock
from shipworthy.contract.records import Contract, Monitoring
from shipworthy.counts.windows import first_open
from shipworthy.dashboard.judging import sentences, slice_views, views_of
from shipworthy.dashboard.view import (
    AlertView,
    CheckView,
    EvidenceView,
    Mark,
    RecorderView,
    ReleaseView,
    ShadowView,
    StatusView,
)
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.monitoring.closing import newest_event_time, open_windows
from shipworthy.monitoring.records import Alarm, Quality, WindowEvidence
from shipworthy.monitoring.skew_evidence import SkewLook
from shipworthy.monitoring.skew_watch import KIND as SKEW_LOOK
from shipworthy.refresh.records import Refresh, Trigger
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.attaching import proven_since, said
from shipworthy.registry.attesting import signers
from shipworthy.registry.records import Release
from shipworthy.registry.retirements import retirement_of
from shipworthy.store.ledger import Ledger


def read_view(
    ledger: Ledger,
    contract: Contract,
    *,
    waivers: Sequence[str],
    alerts: tuple[AlertView, ...],
    running: str,
    shadow: ShadowView | None = None,
    recorder: RecorderView | None = None,
    part: str = "",
) -> StatusView:
    """Everything of one model as it stands now.

    waivers: what there is to say of them; part: of a promise that several models share.
    """
    model, aliases = contract.name, Aliases(ledger)
    qualities = newest_quality(ledger, model)
    releases = tuple(_release(ledger, entry.decode(Release)) for entry in ledger.entries("release", model))
    live = aliases.current(model, "live")
    monitoring, newest = contract.monitoring, newest_event_time(ledger, model)
    return StatusView(
        model=model,
        decision=contract.purpose.decision,
        owner=contract.purpose.owner,
        metric=contract.gate.metric,
        sla=contract.serving.promise,
        enforcement=contract.gate.enforcement,
        live=next((release for release in releases if release.number == live), None),
        previous=aliases.current(model, "previous"),
        releases=releases,
        evidence=_evidence(ledger, model),
        quality=views_of(qualities),
        marks=marks_of(ledger, model),
        alerts=alerts,
        waivers=tuple(waivers),
        promise=(
            f"false alarms: at most {_number(monitoring.false_alarms)} a year for the model as a whole; "
            f"windows of {clock.spoken(monitoring.window)}; drift is more than {monitoring.drift:.0%} of rows moved"
            + (f"; {part}" if part else "")
        ),
        newest=newest,
        closing=_closing(ledger, contract, live, newest),
        running=running,
        refreshing=_refreshing(ledger, model),
        shadow=shadow,
        recorder=recorder,
        quality_words=sentences(_of_one(qualities, live)),
        slices=slice_views(_of_one(qualities, live)),
        skew=_skew(ledger, model),
    )


def _closing(ledger: Ledger, contract: Contract, live: int | None, newest: int | None) -> str:
    if live is None or newest is None:
        return ""
    begin = first_open(newest, contract.monitoring.window, contract.monitoring.lateness)
    return closing(live, open_windows(ledger, contract.name, live, begin), contract.monitoring)


def closing(release: int, waiting: Sequence[int], monitoring: Monitoring) -> str:
    """Of windows that nobody weighs yet, as rows of them may still come; "" where there is none."""
    if not waiting:
        return ""
    count = f"{len(waiting):,} windows of @{release} wait" if len(waiting) > 1 else f"1 window of @{release} waits"
    until = clock.to_iso(waiting[0] + monitoring.window + monitoring.lateness)[:19]
    return (
        f"{count} to be weighed, since rows may come {clock.spoken(monitoring.lateness)} late (monitoring.lateness): "
        f"the first is closed by a row of {until}Z or later"
    )


def _skew(ledger: Ledger, model: str) -> str:
    newest = ledger.newest(SKEW_LOOK, model)
    if newest is None:
        return ""
    look = newest.decode(SkewLook)
    return f"training/serving skew, looked at {clock.to_iso(newest.at)[:19]}Z: {look.words}"


def newest_quality(ledger: Ledger, model: str) -> list[Quality]:
    """The newest figures of each window and release; labels that came later have superseded the others."""
    newest: dict[tuple[int, int], Quality] = {}
    for entry in reversed(ledger.entries("quality", model)):
        quality = entry.decode(Quality)
        newest[quality.window, quality.release] = quality
    return [newest[place] for place in sorted(newest)]


def _of_one(qualities: Sequence[Quality], live: int | None) -> list[Quality]:
    """Those of the live release; of whatever answered last where nothing is known of it."""
    numbers = {one.release for one in qualities}
    shown = live if live in numbers or not qualities else qualities[-1].release
    return [one for one in qualities if one.release == shown]


def _release(ledger: Ledger, release: Release) -> ReleaseView:
    rebuilt = ledger.get(release.rebuild).decode(Rebuild).rung if release.rebuild else "not rebuilt"
    checks = tuple(CheckView(verdict.check, verdict.outcome, verdict.reason) for verdict in release.verdicts)
    attached = proven_since(ledger, release)
    ended = retirement_of(ledger, release.model, release.number)
    return ReleaseView(
        number=release.number,
        run=release.run,
        proven=release.proven,
        rung=rebuilt,
        at=release.at,
        checks=checks,
        since="" if attached is None else said(attached),
        retired="" if ended is None else f"retired by {ended.by}: {ended.because}",
        sandbox=_sandbox(ledger, release),
        signed=signers(ledger, ledger.get(release.run), ledger.get(release.rebuild) if release.rebuild else None),
    )


def _sandbox(ledger: Ledger, release: Release) -> str:
    entry = ledger.get(release.run)
    return entry.decode(Run).environment.sandbox if entry.kind == "run" else "not trained here"


def _evidence(ledger: Ledger, model: str) -> tuple[EvidenceView, ...]:
    windows = [entry.decode(WindowEvidence) for entry in ledger.entries("evidence", model)]
    in_order = sorted(windows, key=lambda window: (window.window, window.release))
    return tuple(point for window in in_order for point in points_of(window))


def points_of(window: WindowEvidence) -> Iterator[EvidenceView]:
    """One point a payoff and rate; of a rate, its share stands where a payoff's distance does."""
    for one in window.payoffs:
        yield EvidenceView(window.window, window.release, one.payoff, one.strength, window.threshold, one.distance)
    for rate in window.rates:
        share = rate.bad / max(1, rate.of)
        name = f"requests {rate.rate}"
        yield EvidenceView(window.window, window.release, name, rate.strength, window.threshold, share)


def marks_of(ledger: Ledger, model: str) -> tuple[Mark, ...]:
    """Alarms and ends of refreshes, oldest first."""
    alarms = (entry.decode(Alarm) for entry in ledger.entries("alarm", model))
    refreshes = (entry.decode(Refresh) for entry in ledger.entries("refresh", model))
    marks: Iterable[Mark] = (
        *(Mark(alarm.event_time, "alarm", alarm.words, alarm.release) for alarm in alarms),
        *(Mark(one.event_time or one.finished, one.ending, _ended(one), one.release) for one in refreshes),
    )
    return tuple(sorted(marks, key=lambda mark: (mark.at, mark.kind != "alarm")))


def _ended(refresh: Refresh) -> str:
    prefix = f"@{refresh.release}: " if refresh.release is not None else ""
    return f"{prefix}{refresh.reason}"


def _refreshing(ledger: Ledger, model: str) -> str:
    ended = {entry.key for entry in ledger.entries("refresh", model)}
    for entry in ledger.entries("refresh-begun", model):
        if entry.key not in ended:
            return f"refresh under way: {entry.decode(Trigger).because}"
    return ""


def _number(value: float) -> str:
    return f"{value:g}"
