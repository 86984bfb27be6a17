"""Commands that keep a model in production: up, score, record, refresh, rollback, retire, vacuum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy.cli.console import Progress, marked, say, say_json
from shipworthy.cli.options import HERE, NO_END, Folder, Json
from shipworthy.cli.tracking import telling
from shipworthy.errors import Refused, WrongUse

if TYPE_CHECKING:
    from shipworthy.refresh.records import Refresh


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    for command in (up, serve, score, record, shadow, refresh, rollback, retire, vacuum):
        app.command()(command)


Port = Annotated[int | None, typer.Option(help="Port of the server; the contract's if not given.")]
Also = Annotated[
    list[Path] | None,
    typer.Option(
        help="A further project, or a folder of projects, whose models this server answers for too. May be repeated."
    ),
]
Memory = Annotated[
    float, typer.Option(min=0.001, help="With --also: gigabytes of models that each worker holds loaded.")
]
Models = Annotated[int, typer.Option(min=1, help="With --also: how many models each worker holds loaded.")]


AccessLog = Annotated[Path | None, typer.Option(help="A file that gets a line of JSON for each request.")]
Traces = Annotated[bool, typer.Option("--traces", help="Send OpenTelemetry spans to where OTEL_… says.")]


def up(  # noqa: PLR0913 - an option each
    port: Port = None,
    page_port: Annotated[int | None, typer.Option(help="Port of the page; the server's + 1 if not given.")] = None,
    also: Also = None,
    memory: Memory = 1.0,
    models: Models = 1000,
    access_log: AccessLog = None,
    traces: Traces = False,
    false_alarms: Annotated[
        str | None, typer.Option(help='Of all models together, as in "4 per year"; each gets a part.')
    ] = None,
    project: Folder = HERE,
) -> None:
    """Serve, record, watch and refresh under one supervisor, and show the page."""
    from shipworthy.serving.hosting import Room  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.promised import yearly  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.up import How, run_up  # noqa: PLC0415 - start-up time

    together = None if false_alarms is None else yearly(false_alarms)
    roles = ("record", "watch", "refresh", "page")
    room = Room(memory=int(memory * 1e9), models=models)
    run_up(project, How(roles, port, page_port, tuple(also or ()), room, access_log, traces, together))


def serve(
    port: Port = None,
    also: Also = None,
    memory: Memory = 1.0,
    models: Models = 1000,
    access_log: AccessLog = None,
    traces: Traces = False,
    project: Folder = HERE,
) -> None:
    """Serve the live release alone; record, watch and refresh are then somebody else's to run."""
    from shipworthy.serving.hosting import Room  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.up import How, run_up  # noqa: PLC0415 - start-up time

    room = Room(memory=int(memory * 1e9), models=models)
    run_up(project, How((), port, None, tuple(also or ()), room, access_log, traces))


def score(
    source: Annotated[str, typer.Argument(metavar="IN", help="Rows to score: a Delta table or Parquet.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The Delta table the scores go to.")],
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Score a table with the live release: streamed, held to the contract, logged and watched."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.scoring import score_table  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with Progress(json).shown() as report:
        scored = score_table(opened, source, target, report)
    if json:
        say_json(scored)
    else:
        say(
            marked(
                "done" if not scored.refused else "blocked",
                f"{scored.rows:,} rows scored by {opened.contract.name}@{scored.release} into {target}, "
                f"{scored.refused:,} refused",
            )
        )
    if scored.refused:
        raise Refused(f"{scored.refused} rows break the contract; they and why are in {scored.refused_table}")


def record(
    once: Annotated[bool, typer.Option("--once", help="Record what is there and stop.")] = False,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Bring logged predictions into the Delta table and the windows."""
    from shipworthy.wiring.record import run_record  # noqa: PLC0415 - start-up time

    if json and not once:
        raise WrongUse(NO_END)
    recorded = run_record(project, once=once)
    if json:
        say_json({"recorded": recorded})


def shadow(
    release: Annotated[str | None, typer.Argument(help="A release, or its run, to have as the shadow.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Have no shadow from now on.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Predict what is logged, and what comes.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Predict what is logged and stop.")] = False,
    because: Annotated[str, typer.Option(help="Why, for whoever reads the history.")] = "by hand",
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Have a release predict beside the live one, answering nobody; without arguments, how the two compare."""
    from shipworthy.cli.shadow import follow_shadow, say_shadow, start_or_stop  # noqa: PLC0415 - start-up time

    wishes = (release is not None, stop, follow, once)
    if sum(wishes) > 1:
        raise WrongUse("expected one of RELEASE, --stop, --follow and --once, or none of them")
    if release is not None or stop:
        start_or_stop(project, release, because, json=json)
    elif follow or once:
        if json and follow:
            raise WrongUse(NO_END)
        follow_shadow(project, once=once)
        if json:
            say_shadow(project, json=True)
    else:
        say_shadow(project, json=json)


def refresh(
    now: Annotated[bool, typer.Option("--now", help="Ask for a refresh whatever the alarms say.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Do what is due and stop.")] = False,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Retrain when it is due, through the same gate."""
    from shipworthy.wiring.refresh import ask_refresh, run_refresh  # noqa: PLC0415 - start-up time

    if json and not (now or once):
        raise WrongUse(NO_END)
    asked = ask_refresh(project) if now else None
    if asked is not None and not json:
        say(marked("done", f"asked for {asked}"))
    ended = run_refresh(project, once=once) if once or not now else ()
    if json:
        say_json({"asked": asked, "refreshes": ended})
    else:
        _say_refreshes(ended, once=once)
    against = [refresh.reason for refresh in ended if refresh.ending != "released"]
    if once and against:
        raise Refused("nothing was released: " + "; ".join(against))


def _say_refreshes(ended: Sequence[Refresh], *, once: bool) -> None:
    from shipworthy.cli.status import KINDS  # noqa: PLC0415 - start-up time

    if once and not ended:
        say("no refresh is due")
    say(*(marked(KINDS[refresh.ending], f"{refresh.ending}: {refresh.reason}") for refresh in ended))


def rollback(
    because: Annotated[str, typer.Option(help="Why, for whoever reads the history.")] = "rolled back by hand",
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Make the previous release live again."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.releasing import roll_back  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with telling(opened):
        change = roll_back(opened, because)
    if json:
        say_json(change)
    else:
        say(marked("done", f"{opened.contract.name}@{change.release} is live again; it was @{change.before}"))


def retire(
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="A release: NAME@3, @3, or its run.")],
    because: Annotated[str, typer.Option(help="Why, for whoever reads the history.")],
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """End a release for good: it answers no more, and vacuum may free what it was built from."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.releasing import retire_release  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    retirement = retire_release(opened, release, because)
    if json:
        say_json(retirement)
    else:
        words = f"{opened.contract.name}@{retirement.number} is retired by {retirement.by}: {retirement.because}"
        say(marked("done", words))


def vacuum(
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Remove it, instead of saying what would go.")
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option(help="How long ago a file was replaced, as in 30d; the table's own retention if not given."),
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Remove old data from the contract's Delta tables and DVC's cache, but nothing that a release was built from."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.vacuuming import vacuum_project  # noqa: PLC0415 - start-up time

    found = vacuum_project(open_project(project), older_than=older_than, apply=apply)
    if json:
        say_json(found)
        return
    went = "removed" if apply else "would go"
    for table in found.tables:
        say(marked("done", f"delta:{table.location}: {table.files:,} files, {table.bytes / 2**20:,.1f} MB {went}"))
        for kept in table.kept:
            built = f"version {kept.version}, of which {', '.join(kept.builders)} was built"
            say(
                marked(
                    "done" if kept.readable else "undecided",
                    f"  kept: {built}" if kept.readable else f"  gone before: {built}",
                )
            )
    if found.cache is not None:
        size = found.cache.bytes / 2**20
        say(marked("done", f"DVC's cache: {found.cache.objects:,} objects, {size:,.1f} MB {went}"))
    if not apply:
        say("Nothing was removed: `shipworthy vacuum --apply` does it.")
