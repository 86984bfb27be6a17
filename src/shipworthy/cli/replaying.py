"""What `watch --log` prints: the reference and its promise, alarms with what quality did, and the rules of others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shipworthy import clock
from shipworthy.cli.console import Progress, marked, say, say_json, say_plain, table
from shipworthy.cli.status import say_quality
from shipworthy.dashboard.judging import sentences, slice_views
from shipworthy.dashboard.period import of_replay
from shipworthy.replay.quality import words
from shipworthy.replay.records import Compared, Replay
from shipworthy.replay.roles import Asked
from shipworthy.wiring.replaying import Settings, watch_log
from shipworthy.wiring.reporting import check, write


def replay_log(folder: Path, log: str, asked: Asked, settings: Settings, *, report_to: Path | None, json: bool) -> None:
    """Replay a log, print what came of it, and write its report where one is wanted."""
    if report_to is not None:
        check(report_to)
    with Progress(json).shown() as report:
        replay = watch_log(folder, log, asked, settings, report)
    if report_to is not None:
        write(of_replay(replay), report_to)
    if json:
        say_json(replay)
        return
    say_replay(replay)
    if report_to is not None:
        say(marked("done", f"the report is {report_to}"))


def say_replay(replay: Replay) -> None:
    """A replay for people."""
    _say_log(replay)
    for note in replay.notes:
        say_plain(f"  {note}")
    say(*(marked("undecided", sentence) for sentence in replay.cannot))
    table("How evidence is counted", ("watched", "how, and why"), _regimes(replay))
    _say_alarms(replay)
    if replay.falls:
        _say_falls(replay)
    say_quality(sentences(replay.quality), slice_views(replay.quality), replay.metric or "")
    if replay.compared:
        _say_compared(replay)


def _day(instant: int) -> str:
    """An instant without what it does not say."""
    return clock.to_iso(instant).removesuffix("T00:00:00Z")


def _say_log(replay: Replay) -> None:
    reference, last = replay.reference, replay.evidence[-1].end
    quality = "" if reference.quality is None else f"; {replay.metric} {reference.quality:.4g}"
    say_plain(
        f"{replay.log}: {replay.rows:,} rows",
        f"  reference: {reference.words}, {reference.rows:,} rows in {reference.windows} windows{quality}",
        f"  watched: {len(replay.evidence)} windows of {clock.spoken(replay.window)}, "
        f"{_day(replay.evidence[0].window)} to {_day(last)}",
        f"  promise: false alarms at most {replay.false_alarms:g} a year for all {len(replay.regimes)} together; "
        f"drift is more than {replay.drift:.0%} of rows moved",
    )


def _regimes(replay: Replay) -> list[Sequence[str]]:
    return [(regime.payoff, regime.words) for regime in replay.regimes]


def _say_alarms(replay: Replay) -> None:
    if not replay.alarms:
        say(marked("passed", "no alarm"))
    for told in replay.alarms:
        say(marked("blocked", f"{_day(told.alarm.event_time)}  {told.alarm.words}"))
        say_plain(f"    {words(told, replay.metric)}")
        if told.alarm.examples:
            named = ", ".join(dict.fromkeys(one.prediction for one in told.alarm.examples))
            say_plain(f"    rows to look at: {named}")


def _say_falls(replay: Replay) -> None:
    for fall in replay.falls:
        until = "and has not come back" if fall.ended is None else f"until {_day(fall.ended)}"
        say_plain(f"{replay.metric} fell, it seems since {_day(fall.since)}, sure on {_day(fall.known)}, {until}")


def _say_compared(replay: Replay) -> None:
    labelled = any(one.labelled for one in replay.quality)
    columns = ["rule", "pages", "runs of windows", "the first"]
    columns += ["before quality fell", "after", "without"] if labelled else []
    rows = [_compared(one, labelled=labelled) for one in (*replay.compared, _ours(replay))]
    table("The same windows by other rules, which page when any column is beyond their limit", columns, rows)
    drift = [told for told in replay.alarms if told.alarm.cause == "drift"]
    before = sum(told.relation == "before" for told in drift)
    fell = f", {before} of them before quality fell" if labelled else ""
    for one in replay.compared:
        say_plain(f"{one.words} in any column: would have paged {one.pages:,} times; this one {len(drift):,}{fell}")


def _ours(replay: Replay) -> Compared:
    drift = [told for told in replay.alarms if told.alarm.cause == "drift"]
    relations = [told.relation for told in drift]
    first = drift[0].alarm.event_time if drift else None
    counts = [relations.count(name) for name in ("before", "after", "none")]
    return Compared("shipworthy", "", len(drift), len(drift), first, *counts)


def _compared(one: Compared, *, labelled: bool) -> Sequence[str]:
    found = [
        one.words or one.rule,
        f"{one.pages:,}",
        f"{one.runs:,}",
        "never" if one.first is None else _day(one.first),
    ]
    return [*found, f"{one.before:,}", f"{one.after:,}", f"{one.none:,}"] if labelled else found
