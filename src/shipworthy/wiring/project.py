"""A project opened: its contract, its ledger, its objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shipworthy.contract.reading import read
from shipworthy.contract.records import Contract
from shipworthy.contract.schema import Needs
from shipworthy.errors import NotFound, WrongUse
from shipworthy.registry.aliases import Aliases
from shipworthy.store.database import open_engine, schema_of
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.training.making import Report, State

CONTRACT = "shipworthy.toml"

__all__ = ["CONTRACT", "Project", "Report", "find_layout", "is_new", "live_release", "open_project"]


@dataclass(frozen=True, slots=True)
class Project:
    """What every command works on."""

    layout: Layout
    contract: Contract
    ledger: Ledger
    objects: Objects

    @property
    def state(self) -> State:
        """Where things are kept."""
        return State(self.layout, self.ledger, self.objects)


def find_layout(folder: Path) -> Layout:
    """The layout of the project that a folder lies in: the nearest folder upwards with a contract. NotFound."""
    start = folder.resolve()
    for candidate in (start, *start.parents):
        if (candidate / CONTRACT).is_file():
            return Layout(candidate)
    raise NotFound(
        f"there is no {CONTRACT} in {start} or above it; `shipworthy init SAMPLE` writes one from a sample of the data"
    )


def open_project(folder: Path, needs: Needs = "training") -> Project:
    """Open a project. Its state is created at the first use, but never migrated unasked."""
    layout = find_layout(folder)
    contract = read(layout.project / CONTRACT, needs=needs)
    if is_new(layout):
        prepare(layout)
    return Project(layout, contract, Ledger(layout.ledger_url), Objects(layout.objects))


def live_release(project: Project) -> int:
    """The number of the release that is live. WrongUse where nothing is yet."""
    live = Aliases(project.ledger).current(project.contract.name, "live")
    if live is None:
        raise WrongUse(f"nothing of {project.contract.name} is live yet: `shipworthy ship` makes the first release")
    return live


def is_new(layout: Layout) -> bool:
    """Whether there is no state yet."""
    engine = open_engine(layout.ledger_url)
    try:
        return schema_of(engine) is None
    finally:
        engine.dispose()
