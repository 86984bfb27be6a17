"""`demo`: the whole life of a model on a year of real flights."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy.cli.console import Progress, marked, say, say_json, table
from shipworthy.cli.options import Json

if TYPE_CHECKING:
    from shipworthy.demo.records import Demonstration
    from shipworthy.wiring.running import Running

OUTCOMES = {"released": "passed", "held": "waived"}
BLOCKS = " ▁▂▃▄▅▆▇█"
WIDE = 92  # windows a line of the timeline


def register(app: typer.Typer) -> None:
    """Add this family's command."""
    app.command()(demo)


def demo(
    folder: Annotated[Path | None, typer.Option(help="Where to work; a new temporary folder if not given.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave `up` running at the end, with its page.")] = False,
    json: Json = False,
) -> None:
    """Take a model from nothing to live, watched and retrained, on the flights that left New York in 2013."""
    from shipworthy.demo.show import Watching, show  # noqa: PLC0415 - start-up time

    place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="shipworthy-demo-"))
    if not json:
        say(f"[bold]A model's life, on the flights of 2013[/], in {place}")
    progress = Progress(json)

    def shown(demonstration: Demonstration, running: Running) -> None:
        progress.pause()
        if json:
            say_json(demonstration)
        else:
            _say(demonstration)
        if keep:
            _hold(running)

    with progress.shown() as report:
        show(place.resolve(), Watching(report, shown))


def _hold(running: Running) -> None:
    import signal  # noqa: PLC0415 - only where there is something to wait for

    say(
        "",
        f"[bold]`up` goes on running[/]: the server at {running.server}, its page at {running.page}. Ctrl-C ends it.",
    )
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _say(shown: Demonstration) -> None:
    requests = shown.requests
    say("", "[bold]Releases and their proof[/]")
    for release in shown.releases:
        proof = "proven" if release.proven else "UNPROVEN"
        say(marked("passed" if release.proven else "waived", f"@{release.number} {proof}: rebuilt {release.rebuild}"))
        say(f"    [dim]{release.quality}[/]", f"    [dim]{release.sla}[/]")
    say("", "[bold]What was watched[/]: a bar a day, full where the evidence of drift is enough for an alarm")
    _say_timeline(shown)
    say("", "[bold]What happened[/]")
    for at, outcome, words in _events(shown):
        say(marked(outcome, f"{at}  {words}"))
    say("")
    table(
        "The first model and the current one, on the same flights (AUC)",
        ("month", "flights", "first", "current", ""),
        [
            (m.month, f"{m.flights:,}", f"{m.first:.3f}", f"{m.current:.3f}", f"{m.current - m.first:+.3f}")
            for m in shown.quality
        ],
    )
    outcome = "blocked" if requests.dropped else "passed"
    rate = requests.answered / max(requests.seconds - requests.waited, 1e-9)
    say(
        "",
        marked(
            outcome,
            f"{requests.sent:,} requests sent, {requests.answered:,} answered, {requests.dropped} dropped, "
            f"while {len(shown.releases)} releases took turns ({rate:,.0f} a second)",
        ),
    )
    arrived = sum(alert.state == "delivered" for alert in shown.alerts)
    say(
        marked(
            "passed",
            f"{len(shown.alerts)} alerts, {arrived} delivered, "
            f"{shown.alerts_received} messages at the webhook, the ends of what ended included",
        )
    )
    _say_lineage(shown)
    say(f"[dim]{shown.seconds:.0f} s; everything is kept in {shown.folder}[/]")


def _events(shown: Demonstration) -> list[tuple[str, str, str]]:
    events = [(alarm.at, "blocked", f"alarm on @{alarm.release}: {alarm.words}") for alarm in shown.alarms]
    for one in shown.refreshes:
        what = f"@{one.release} released" if one.release is not None else one.outcome
        events.append(
            (one.ended, OUTCOMES.get(one.outcome, "blocked"), f"refresh, {one.seconds:.0f} s: {what}; {one.why}")
        )
    return sorted(events)


def _say_timeline(shown: Demonstration) -> None:
    newest = {str(window["start"]): window for window in shown.windows}
    days = sorted(newest)
    alarms = {alarm.at for alarm in shown.alarms}
    refreshes = {one.ended: "R" if one.release is not None else "H" for one in shown.refreshes}
    for begin in range(0, len(days), WIDE):
        line = days[begin : begin + WIDE]
        bars = "".join(_bar(float(newest[day]["standing"])) for day in line)
        marks = "".join(refreshes.get(day) or ("A" if day in alarms else " ") for day in line)
        say(f"  [dim]{line[0]}[/] {bars}", f"             [bold]{marks}[/]")
    say("  [dim]A alarm, R released, H held[/]")


def _bar(standing: float) -> str:
    """standing: log10 of the evidence over its threshold; three decades below it the bar is empty."""
    share = min(max((standing + 3.0) / 3.0, 0.0), 1.0)
    return BLOCKS[round(share * (len(BLOCKS) - 1))]


def _say_lineage(shown: Demonstration) -> None:
    prediction, release = shown.lineage["prediction"], shown.lineage["release"]
    run = release["run"]
    data = ", ".join(f"{one['version']} ({one['rows']:,} rows)" for one in run["data"])
    say(
        "",
        "[bold]Where one prediction came from[/]",
        f"  {prediction['id']} for {prediction['caller_id']}",
        f"  ← {release['model']}@{release['number']}, signed by {release['key'][:16]}",
        f"  ← {run['id']}, code {run['code'][:12]}, lock {run['lock'][:12]}, Python {run['python']}",
        f"  ← {data}",
    )
