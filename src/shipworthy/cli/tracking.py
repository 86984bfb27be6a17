"""`sync`, and the telling of trackers after every command that has written something down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from shipworthy.cli.console import marked, say, say_error, say_json
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.errors import ShipworthyError, Undecided, WrongUse

if TYPE_CHECKING:
    from shipworthy.trackers.outbox import Sent
    from shipworthy.wiring.project import Project


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(sync)


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
