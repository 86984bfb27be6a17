"""A project opened: its contract, its ledger, its objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from shipworthy.contract.reading import read
from shipworthy.contract.records import Contract
from shipworthy.contract.schema import Needs
from shipworthy.errors import NotFound, WrongUse
from shipworthy.lineage.records import Run
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.releases import Releases
from shipworthy.store.database import open_engine, schema_of
from shipworthy.store.layout import CONTRACT, Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.moved import require_place
from shipworthy.store.objects import Objects
from shipworthy.training.making import Report, State
from shipworthy.wiring.keys import own_key

__all__ = [
    "CONTRACT",
    "Project",
    "Report",
    "find_layout",
    "in_production",
    "is_new",
    "live_release",
    "open_project",
    "run_behind",
]


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
        return State(self.layout, self.ledger, self.objects, own_key)


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
    require_place(layout, contract.name)
    if is_new(layout):
        from shipworthy.store.preparation import prepare  # noqa: PLC0415 - start-up time: migrations are slow to import

        prepare(layout)
    return Project(layout, contract, Ledger(layout.ledger_url), Objects(layout.objects))


def live_release(project: Project) -> int:
    """The number of the release that is live. WrongUse where nothing is yet."""
    live = Aliases(project.ledger).current(project.contract.name, "live")
    if live is None:
        raise WrongUse(f"nothing of {project.contract.name} is live yet: `shipworthy ship` makes the first release")
    return live


def run_behind(project: Project, number: int) -> Entry:
    """The run that a release was made from. NotFound."""
    releases = Releases(project.ledger, project.objects)
    return project.ledger.get(releases.get(project.contract.name, number).run)


def in_production(project: Project) -> Project:
    """The project with the contract that its live release was made under; the file may have moved on since.

    Where it runs and whom it tells are the file's: host, port, workers, recording, where alerts go, and slices.
    """
    promised = run_behind(project, live_release(project)).decode(Run).contract
    written = project.contract
    place = {"host": written.serving.host, "port": written.serving.port, "workers": written.serving.workers}
    told = {key: getattr(written.monitoring, key) for key in ("webhook", "alertmanager", "apprise", "slices")}
    contract = msgspec.structs.replace(
        promised,
        serving=msgspec.structs.replace(promised.serving, **place),
        recording=written.recording,
        monitoring=msgspec.structs.replace(promised.monitoring, **told),
    )
    return replace(project, contract=contract)


def is_new(layout: Layout) -> bool:
    """Whether there is no state yet."""
    engine = open_engine(layout.ledger_url)
    try:
        return schema_of(engine) is None
    finally:
        engine.dispose()
