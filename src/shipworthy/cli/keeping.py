"""Commands that bring a project's state to another place: move, backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy.cli.console import Progress, marked, say, say_json
from shipworthy.cli.options import HERE, Folder, Json

if TYPE_CHECKING:
    from shipworthy.store.copying import Copied


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    for command in (move, backup):
        app.command()(command)


def move(
    database: Annotated[str, typer.Option(help="The database to move to: a URL as for SHIPWORTHY_DATABASE_URL.")],
    store: Annotated[
        str | None, typer.Option(help="A place for the objects, as for SHIPWORTHY_STORE; else they stay.")
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Bring the ledger, and with --store the objects, to another place, every record with the digest that it has."""
    from shipworthy.store.database import shown  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.moving import move as moving  # noqa: PLC0415 - start-up time

    with Progress(json).shown() as report:
        moved = moving(project, database, store, report)
    if json:
        say_json(moved)
        return
    _say(moved, shown(database), store)
    wanted = "SHIPWORTHY_DATABASE_URL" if store is None else "SHIPWORTHY_DATABASE_URL and SHIPWORTHY_STORE"
    say(f"Next: set {wanted} to there, wherever this project is worked on; what was left here is not used any more.")
    if store is None:
        say(
            "The objects stayed where they were: others read them only if SHIPWORTHY_STORE names a place that all have."
        )


def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to; an earlier backup is brought up to date.")
    ],
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Write the ledger and the objects into a folder, each record and object held against its digest."""
    from shipworthy.wiring.moving import backup as keeping  # noqa: PLC0415 - start-up time

    with Progress(json).shown() as report:
        kept = keeping(project, folder, report)
    if json:
        say_json(kept)
        return
    _say(kept, str(folder / "ledger.db"), str(folder / "objects"))


def _say(copied: Copied, database: str, store: str | None) -> None:
    of = ", ".join(copied.models) or "no model"
    say(marked("done", f"{copied.records:,} records of {of} are in {database}, together {copied.digest[:16]}…"))
    if store is not None:
        say(marked("done", f"{copied.objects:,} objects are in {store}, {copied.bytes / 1e6:,.1f} MB of them new"))
