"""`status` and `lineage` for people."""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy import clock
from shipworthy.cli.console import marked, say, say_plain, table
from shipworthy.dashboard.headline import headline, newest_evidence
from shipworthy.dashboard.judging import RECENT
from shipworthy.dashboard.view import ReleaseView, ShadowView, SliceView, StatusView

STRONGEST = 5  # payoffs shown
MARKS = 8  # that are shown
LEVELS = {"good": "passed", "look": "waived", "act": "blocked"}
KINDS = {"alarm": "blocked", "held": "waived", "released": "passed", "broken input": "blocked", "failed": "blocked"}


def say_status(view: StatusView) -> None:
    """The one page, on the terminal."""
    from rich.markup import escape  # noqa: PLC0415 - start-up time

    say(f"[bold]{escape(view.model)}[/]  {escape(view.decision)}  [dim]{escape(view.owner)}[/]")
    say(f"[dim]{escape(view.sla)}; {escape(view.promise)}[/]", f"[dim]{escape(view.running)}[/]")
    if view.kept:
        say(f"[dim]{escape(view.kept)}[/]")
    if view.refreshing:
        say(f"[yellow]{escape(view.refreshing)}[/]")
    _say_headline(view)
    if view.live is not None:
        _say_release(view.live, view.previous)
    _say_readers(view)
    _say_evidence(view)
    if view.closing:
        say_plain(view.closing)
    _say_truth(view)
    say_quality(view.quality_words, view.slices, view.metric)
    for mark in view.marks[-MARKS:]:
        say(marked(KINDS.get(mark.kind, ""), f"{clock.to_iso(mark.at)[:10]}  {mark.kind:<12} {mark.words}"))


def _say_headline(view: StatusView) -> None:
    """How the model stands, and everything that is not as it should be."""
    found = headline(view)
    say(marked(LEVELS[found.level], found.words))
    for concern in found.concerns:
        say("  " + marked(LEVELS[concern.level], concern.words))


def _say_truth(view: StatusView) -> None:
    """How labels stand, and what the newest look at skew found."""
    if view.labels is not None and not view.labels.doubtful:
        say(marked("done", view.labels.words))  # others stand above, with what is not as it should be
    if view.skew:
        say_plain(view.skew)


def say_quality(words: Sequence[str], slices: Sequence[SliceView], metric: str) -> None:
    """What is known of quality, and of its slices."""
    say_plain(*(f"quality: {sentence}" for sentence in words))
    if slices:
        columns = ("slice", "rows", "labelled", "by labels", "estimated", "held out", "")
        table(f"{metric} by slice, over the newest {RECENT} windows", columns, [_slice(one) for one in slices])


def _slice(one: SliceView) -> Sequence[str]:
    return (
        f"{one.feature} = {one.value}",
        f"{one.rows:,}",
        f"{one.labelled:,}",
        _give(one.quality, one.error),
        _give(one.estimated, one.estimated_error),
        _give(one.held_out, None),
        one.cannot_judge,
    )


def _give(value: float | None, error: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if error is None else f"{value:.3g} ± {2 * error:.1g}"


def _say_release(release: ReleaseView, previous: int | None) -> None:
    proof = f"proven ({release.rung})" if release.proven else f"UNPROVEN{f'; {release.since}' if release.since else ''}"
    before = f"; previous is @{previous}" if previous is not None else ""
    say(marked("passed" if release.proven else "waived", f"@{release.number} is live, {proof}, {release.run}{before}"))
    say("  " + marked("passed" if "landlock" in release.sandbox else "waived", f"{'sandbox':<14} {release.sandbox}"))
    signed = "passed" if "not signed" not in release.signed else "waived"
    say("  " + marked(signed, f"{'statements':<14} {release.signed}"))
    for check in release.checks:
        say("  " + marked(check.outcome, f"{check.check:<14} {check.reason}"))


def _say_readers(view: StatusView) -> None:
    """Who reads the log, where there is anything to say."""
    if view.shadow is not None:
        _say_shadow(view.shadow)
    if view.recorder is not None and view.recorder.bytes:
        behind = view.recorder
        state = "blocked" if behind.seconds > behind.limit else "done"
        left = f"about {behind.rows:,} rows, {behind.bytes:,} bytes"
        say(marked(state, f"recording is {behind.seconds:.0f} s behind: {left}"))


def _say_shadow(shadow: ShadowView) -> None:
    differing = "–" if shadow.differing is None else f"{shadow.differing:.2%}"
    failed = f", {shadow.failed:,} failed" if shadow.failed else ""
    missed = f", {shadow.missed:,} missed" if shadow.missed else ""
    words = (
        f"{shadow.rows:,} rows, {differing} answered differently{failed}{missed}, {shadow.behind_seconds:.0f} s behind"
    )
    say(marked("blocked" if shadow.failed else "done", f"@{shadow.release} is the shadow: {words}"))


def _say_evidence(view: StatusView) -> None:
    if view.compared:
        say_plain(view.compared_words)
    how = {one.payoff: one.how for one in view.counting}
    strongest = newest_evidence(view)[:STRONGEST]
    if strongest:
        table(
            "",
            ("drift", "evidence (log10)", "alarm at", "moved (total variation)", "window", "counted"),
            [
                (
                    p.payoff,
                    f"{p.strength:.2f}",
                    f"{p.threshold:.2f}",
                    f"{p.distance:.3f}",
                    clock.to_iso(p.window)[:10],
                    how.get(p.payoff, ""),
                )
                for p in strongest
            ],
        )
