"""Many models on one server: those of several projects, each with its own state, log and roles."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from shipworthy.errors import Conflict, NotFound, ShipworthyError, WrongUse
from shipworthy.registry.aliases import Aliases
from shipworthy.serving.hosting import Hosted, Hosting, Room, write_hosting
from shipworthy.serving.supervisor import Supervisor
from shipworthy.store.layout import Layout
from shipworthy.wiring.project import CONTRACT, Project, find_layout
from shipworthy.wiring.workers import OWN, Served

_logger = logging.getLogger(__name__)


def layouts(folder: Path, also: Sequence[Path]) -> list[Layout]:
    """The projects to serve: that of `folder`, and those that `also` names, each a project or a folder of projects.

    NotFound where there is none, WrongUse where one is named twice; in a folder of projects it may well be.
    """
    found = [find_layout(folder)]
    for named in also:
        if (named / CONTRACT).is_file():
            layout = Layout(named.resolve())
            if layout in found:
                raise WrongUse(f"--also {named} is named twice: expected each project once, the first one not again")
            found.append(layout)
            continue
        inside = [Layout(path.parent.resolve()) for path in sorted(named.glob(f"*/{CONTRACT}"))]
        if not inside:
            raise NotFound(f"--also {named}: expected a project, or a folder of projects; there is no {CONTRACT} in it")
        found += [layout for layout in inside if layout not in found]
    return found


def with_something_live(projects: Sequence[Project]) -> list[Project]:
    """The first project, and those others that have a live release; which ones have none is said."""
    names = [project.contract.name for project in projects]
    for project in projects:
        if names.count(project.contract.name) > 1:
            raise WrongUse(
                f"{project.layout.project} has a model {project.contract.name}, and another project as well: expected "
                "each name once on a server; serve them apart"
            )
    found = list(projects[:1])
    for project in projects[1:]:
        if Aliases(project.ledger).current(project.contract.name, "live") is None:
            _logger.warning("%s has no live release and is not served", project.contract.name)
        else:
            found.append(project)
    return found


class Fleet:
    """The list that a server with many models answers by, and its changes."""

    def __init__(self, work: Path, room: Room) -> None:
        self._work, self._room = work, room
        self._hosted: dict[str, Hosted] = {}
        self._path = work
        self._turn = 0

    def begin(self, releases: Sequence[tuple[Project, int, Served]]) -> Path:
        """The first list. Conflict for a model that needs an environment of its own."""
        self._hosted = {project.contract.name: _hosted(project, number, one) for project, number, one in releases}
        self._path = self._write(self._hosted)
        return self._path

    def swap(self, supervisor: Supervisor, project: Project, number: int, release: Served) -> None:
        """Have one model answered by another release. Raises what keeps it from that; then all stays as it was."""
        hosted = {**self._hosted, project.contract.name: _hosted(project, number, release)}
        path = self._write(hosted)
        try:
            supervisor.swap(path)
        except ShipworthyError:
            path.unlink(missing_ok=True)
            raise
        self._path.unlink(missing_ok=True)
        self._hosted, self._path = hosted, path

    def _write(self, hosted: dict[str, Hosted]) -> Path:
        self._turn += 1
        path = self._work / f"hosting-{self._turn}.json"
        write_hosting(path, Hosting(models=tuple(hosted.values()), room=self._room))
        return path


def _hosted(project: Project, number: int, release: Served) -> Hosted:
    name = project.contract.name
    if release.command != OWN:
        raise Conflict(
            f"{name}@{number} is answered for by its own library, in an environment of its own, which no other model "
            f"can share: serve it apart, `shipworthy serve --project {project.layout.project}`"
        )
    return Hosted(
        model=name,
        number=number,
        folder=str(release.folder),
        logs=str(project.layout.logs(name)),
        features=tuple(feature.name for feature in release.bundle.description.features),
    )
