"""Commands that only read: status, report, lineage, predict, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shipworthy.cli.console import marked, say, say_json, say_plain
from shipworthy.cli.options import HERE, Folder, Json


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    for command in (status, report, lineage, predict, show):
        app.command()(command)


def status(project: Folder = HERE, json: Json = False) -> None:
    """One page: who is live and on what evidence, alarms, refreshes, quality."""
    from shipworthy.cli.status import say_status  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.status import read_status  # noqa: PLC0415 - start-up time

    found = read_status(open_project(project))
    if json:
        say_json(found)
    else:
        say_status(found)


def report(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where the report goes, as one HTML file.")],
    since: Annotated[str | None, typer.Option(help="First day, as in 2013-04-01; else the first.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day; else the newest.")] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Write the report of a period: alarms, what moved, evidence, quality, and what became of it."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.reporting import check, period_of, write  # noqa: PLC0415 - start-up time

    check(target)
    view = period_of(open_project(project), since, until)
    write(view, target)
    if json:
        say_json(view)
    else:
        say(marked("done", f"the report of {view.title} is {target}: {len(view.alarms)} alarms"))


def lineage(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A prediction, release, run, data version, commit, lock or PACKAGE==VERSION."
        ),
    ],
    limit: Annotated[int, typer.Option(min=0, help="Ids of predictions that are given for a release, forward.")] = 10,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Where something came from, and what came of it."""
    from shipworthy.cli.ancestry import say_traced  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.looking import trace  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    traced = trace(open_project(project), name, limit)
    if json:
        say_json(traced)
    else:
        say_traced(traced)


def predict(
    row: Annotated[Path, typer.Argument(metavar="ROW.json", help="A row, or a list of rows, as JSON.")],
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Ask the live release locally; nothing is logged."""
    from shipworthy.wiring.asking import predict_rows  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    answer = predict_rows(open_project(project), row)
    if json:
        say_json(answer)
        return
    for number, prediction in enumerate(answer["predictions"], start=1):
        say_plain(f"{number:>4}  {prediction['prediction']}  {prediction.get('probabilities', '')}")


def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="A record's id or the beginning of it.")],
    project: Folder = HERE,
    _json: Annotated[bool, typer.Option("--json", help="Changes nothing: it is JSON in any case.")] = False,
) -> None:
    """Print a record of the ledger as it stands."""
    from shipworthy.wiring.looking import read_record  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    say_json(read_record(open_project(project), name))
