"""`sync`, and the telling of trackers after every command that has written something down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shipworthy.cli.console import Progress, marked, say, say_error, say_json
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.errors import Refused, ShipworthyError, Undecided, WrongUse

if TYPE_CHECKING:
    from shipworthy.trackers.outbox import Sent
    from shipworthy.wiring.project import Project


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(sync)
    app.command("watch-registry")(watch_registry)


def sync(project: Folder = HERE, json: Json = False) -> None:
    """Tell MLflow and W&B what they have not been told yet."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.tracking import MLFLOW, WANDB, named, synchronise  # noqa: PLC0415 - start-up time

    if not named():
        raise WrongUse(f"no tracker is switched on: set {MLFLOW} to a tracking server, or {WANDB} to a project")
    ended = synchronise(open_project(project))
    if json:
        say_json(ended)
    else:
        say(*(marked("waived" if each.waiting else "done", _told(each)) for each in ended))
    waiting = [each for each in ended if each.waiting]
    if waiting:
        raise Undecided("; ".join(f"{each.tracker}: {each.waiting} wait" for each in waiting))


def watch_registry(
    sample: Annotated[
        Path | None, typer.Option(help="Rows that a new version is asked about; else those the newest run held out.")
    ] = None,
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Hold versions that others registered with MLflow against the gate, and put its aliases right."""
    from shipworthy.wiring.project import open_project  # noqa: PLC0415 - start-up time
    from shipworthy.wiring.registry_watch import watch_registry as watch  # noqa: PLC0415 - start-up time

    opened = open_project(project)
    with telling(opened), Progress(json).shown() as report:
        found = watch(opened, report, sample)
    if json:
        say_json(found)
    else:
        say(*(marked("waived", each) for each in found.restored))
        for each in found.judged:
            live = "" if each.release is None else f"; live as @{each.release}, signed as unproven"
            say(marked(each.outcome, f"{found.model}/{each.version}: {each.reason}{live}"))
        if not found.judged:
            say(f"nothing new of {found.model} is registered")
    against = [each for each in found.judged if each.outcome != "passed"]
    if any(each.outcome == "blocked" for each in against):
        raise Refused(f"{len(against)} of {len(found.judged)} new versions do not pass the gate")
    if against:
        raise Undecided(f"{len(against)} of {len(found.judged)} new versions could not be decided about")


@contextmanager
def telling(project: Project) -> Iterator[None]:
    """Tell the trackers once the block has ended, however it did. What they do not take waits; nothing fails of it."""
    try:
        yield
    finally:
        _tell(project)


def _tell(project: Project) -> None:
    from shipworthy.wiring.tracking import named, synchronise  # noqa: PLC0415 - start-up time

    if not named():
        return
    try:
        ended = synchronise(project)
    except ShipworthyError as error:
        say_error(f"the trackers were not told: {error}")
        return
    for each in ended:
        if each.waiting:
            say_error(_told(each))


def _told(sent: Sent) -> str:
    waits = f", {sent.waiting} wait: {sent.reason}" if sent.waiting else ""
    return f"{sent.tracker} at {sent.place}: {sent.sent} told{waits}"
