"""The demonstration: an ordinary project's whole life, on a year of real flights. Nothing in it is scripted.

It does what a user would: copies the example, rehearses, ships, starts `up`, and sends requests. The world is played
from the record of 2013: flights ask for a prediction an hour before they leave, outcomes become known as they land.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import uvloop

import shipworthy
from shipworthy.demo import flights
from shipworthy.demo.gathering import gather
from shipworthy.demo.listener import Listener
from shipworthy.demo.production import Production, production
from shipworthy.demo.records import Demonstration
from shipworthy.demo.truth import instants
from shipworthy.demo.world import Progress, Replayed, World
from shipworthy.errors import NotFound, Refused, Undecided, WrongUse
from shipworthy.registry.records import Rehearsal
from shipworthy.wiring.project import Project, Report, open_project
from shipworthy.wiring.rehearsing import rehearse_project
from shipworthy.wiring.running import Running
from shipworthy.wiring.shipping import ship_project

EXAMPLE = "flights"
TRIES = 4  # of the rehearsal
FIRST_DAYS = 90  # of the year that are past when the model is made


@dataclass(frozen=True, slots=True)
class Watching:
    """How the demonstration tells what it does, and waits at its end."""

    report: Report
    shown: Callable[[Demonstration, Running], None]  # called while `up` still runs; that ends when it returns


def show(folder: Path, watching: Watching) -> Demonstration:
    """Play it in a folder that does not exist yet, or is empty."""
    report, began = watching.report, time.monotonic()
    report("copy the example and read the flights of 2013", None)
    _copy(folder)
    table = flights.read()
    world = World(table, folder, FIRST_DAYS)
    world.prepare()
    with Listener() as listener:
        _listen(folder / "shipworthy.toml", listener.url)
        project = open_project(folder)
        rehearsal = _rehearse(project, _within("rehearse", report))
        shipped = ship_project(project, _within("ship", report))
        if shipped.release is None:
            raise Refused(f"the first model was not released:\n{shipped.reason}")
        watched = Production(project, world.start)
        with production(folder, folder / ".shipworthy" / "up.log") as running:
            replayed = _replay(world, table, running.server, watched, report)
            for _ in watched.settle(int(instants(table, "scheduled_departure")[-1])):
                report("wait until all is recorded and watched", None)
                time.sleep(0.1)
            report("compare the first model with the current one", None)
            shown = gather(project, table, replayed, rehearsal, len(listener.received), time.monotonic() - began)
            watching.shown(shown, running)
    return shown


def _rehearse(project: Project, report: Report) -> Rehearsal:
    """As a user would: once more where the machine was too busy to tell."""
    said = ""
    for _ in range(TRIES):
        try:
            _, rehearsal = rehearse_project(project, report, quick=False)
        except Undecided as error:
            said = str(error)
            continue
        if rehearsal.verdict.outcome == "passed":
            return rehearsal
        said = rehearsal.verdict.reason
    raise Undecided(f"the rehearsal did not pass in {TRIES} tries: {said}")


def example_folder() -> Path:
    """The example's files: inside the package when it is installed, in the repository when it is developed."""
    package = Path(shipworthy.__file__).parent
    for candidate in (package / "examples" / EXAMPLE, package.parents[1] / "examples" / EXAMPLE):
        if (candidate / "shipworthy.toml").is_file():
            return candidate
    raise NotFound(f"the example {EXAMPLE} is neither in {package} nor beside it; install shipworthy again")


def _copy(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty; expected a folder that does not exist yet: give another --folder")
    ignored = shutil.ignore_patterns("__pycache__", ".shipworthy", "data")
    shutil.copytree(example_folder(), folder, dirs_exist_ok=True, ignore=ignored)


def _listen(contract: Path, url: str) -> None:
    """Name the webhook in the contract, as its owner would."""
    text = contract.read_text()
    contract.write_text(text.replace("[monitoring]\n", f'[monitoring]\nwebhook = "{url}"\n', 1))


def _replay(world: World, table: pa.Table, url: str, watched: Production, report: Report) -> Replayed:
    def told(progress: Progress) -> None:
        share = progress.sent / max(1, progress.total)
        report("replay April to December through the server", share)

    return uvloop.run(world.replay(url, pace=watched.pace, ahead=watched.ahead, on_progress=told))


def _within(command: str, report: Report) -> Report:
    return lambda step, done: report(f"{command}: {step}", done)
