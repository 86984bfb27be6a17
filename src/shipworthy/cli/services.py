"""adopt-service: a service that somebody else serves, to be recorded and watched here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shipworthy.cli.console import marked, say, say_json
from shipworthy.cli.options import HERE, Folder, Json


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command("adopt-service")(adopt_service)


def adopt_service(
    classes: Annotated[
        str | None, typer.Option(help="A classification's classes, in the order of its probabilities: no,yes.")
    ] = None,
    sample: Annotated[Path | None, typer.Option(help="Rows it was trained on (Parquet, CSV): the reference.")] = None,
    url: Annotated[str | None, typer.Option(help="With --sample: the service, which says what it answers.")] = None,
    dialect: Annotated[str, typer.Option(help="With --sample: how rows travel in a body.")] = "row",
    answer: Annotated[str, typer.Option(help="With --sample: a JSON pointer to the answers.")] = "",
    recorded: Annotated[
        int | None, typer.Option(help="The reference is the first so many rows that were recorded.")
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Take in a service that somebody else serves: its predictions are recorded and watched, and it stays unproven."""
    from shipworthy.wiring import adopting_service as adopting  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time

    named = tuple(part.strip() for part in (classes or "").split(",") if part.strip())
    origin = adopting.Origin(sample, url, dialect, answer, recorded)
    entry, service = adopting.adopt_service(open_project(project, needs="serving"), named, origin)
    if json:
        say_json({"id": entry.id, "service": service})
        return
    say(marked("waived", f"{service.model}@{service.number} is adopted, UNPROVEN: {service.because}"))
    if service.reference is None:
        say("Nothing to compare production with yet: --sample with --url, or later --recorded ROWS.")
    else:
        say(marked("done", f"production is compared with the {service.origin} rows from now on"))
