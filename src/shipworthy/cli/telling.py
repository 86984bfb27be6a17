"""alerts, rules: who was told what, what people make of it, and what Prometheus is to watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy import clock
from shipworthy.cli.console import marked, say, say_json, say_plain, table
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.errors import WrongUse

if TYPE_CHECKING:
    from shipworthy.wiring.alert_lives import AlertLife, Alerts

_MARKS = {"open": "blocked", "acknowledged": "undecided", "silenced": "waived", "resolved": "passed"}


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(alerts)
    app.command()(rules)


def alerts(  # noqa: PLR0913 - one for each option
    acknowledge: Annotated[str | None, typer.Option(metavar="ALERT", help="Say that you look into it.")] = None,
    resolve: Annotated[str | None, typer.Option(metavar="ALERT", help="Say that it is over.")] = None,
    silence: Annotated[
        str | None, typer.Option(metavar="CAUSE", help='Tell nobody of such alerts; "all" for any cause.')
    ] = None,
    lift: Annotated[str | None, typer.Option(metavar="SILENCE", help="End a silence before its time.")] = None,
    until: Annotated[str | None, typer.Option(help="When a silence ends: 2027-01-31, or 4h from now.")] = None,
    because: Annotated[str, typer.Option(help="Why, for whoever reads it.")] = "",
    every: Annotated[bool, typer.Option("--all", help="List those that are over, too.")] = False,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """List the alerts that are open, and who was told; acknowledge, resolve or silence them."""
    from shipworthy.wiring import alert_lives  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    wishes = [wish for wish in (acknowledge, resolve, silence, lift) if wish is not None]
    if len(wishes) > 1:
        raise WrongUse("--acknowledge, --resolve, --silence and --lift are four wishes: give one at a time")
    if (silence is None) != (until is None):
        raise WrongUse("--silence and --until go together: alerts --silence drift --until 4h --because …")
    opened = open_project(project)
    if acknowledge is not None:
        alert_lives.acknowledge(opened, acknowledge, because)
    elif resolve is not None:
        alert_lives.resolve(opened, resolve, because or "resolved by hand")
    elif silence is not None and until is not None:
        alert_lives.silence(opened, silence, until, because)
    elif lift is not None:
        alert_lives.lift(opened, lift, because)
    found = alert_lives.read_alerts(opened, resolved=every or resolve is not None)
    if json:
        say_json(found)
    else:
        _say(found)


def rules(project: Folder = HERE) -> None:
    """Print a rule file for Prometheus: the SLA, refusals, the log, the watch, and alerts that nobody got."""
    from shipworthy.alerts.rules import written  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    say_plain(written(open_project(project).contract).rstrip())


def _say(found: Alerts) -> None:
    for one in found.alerts:
        say(*_lines(one))
    if not found.alerts:
        say(f"no alert of {found.model} is open")
    if found.silences:
        rows = [
            (
                view.id,
                view.silence.cause or "all",
                clock.to_iso(view.silence.until)[:19],
                view.silence.by,
                view.silence.because,
            )
            for view in found.silences
        ]
        table("Silences", ("id", "cause", "until", "by", "because"), rows)


def _lines(one: AlertLife) -> list[str]:
    life = one.life
    who = f" by {life.by}" if life.by else ""
    why = f": {life.because}" if life.because else ""
    told = ", ".join(
        f"{told.channel} {'' if told.event == 'opened' else 'of its end '}{told.state}"
        + (f" ({told.reason})" * bool(told.reason))
        for told in one.told
    )
    return [
        marked(_MARKS[life.phase], f"{life.phase} since {clock.to_iso(life.since)[:19]}{who}{why}"),
        f"    {life.alert.title}: {life.alert.text}",
        f"    [dim]{life.alert.id}; {told}[/]",
    ]
