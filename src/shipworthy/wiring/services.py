"""Services that somebody else serves, as the processes behind them see them: where a release stands, a service may."""

from __future__ import annotations

from shipworthy.recording.service import Service
from shipworthy.registry.aliases import Aliases
from shipworthy.wiring.project import Project, in_production

KIND = "service"


def newest_service(project: Project) -> Service | None:
    """The service that answers now; None where none was adopted."""
    entry = project.ledger.newest(KIND, project.contract.name)
    return entry.decode(Service) if entry is not None else None


def service_of(project: Project, number: int) -> Service | None:
    """A service by its number; None where that is not one's."""
    entry = project.ledger.by_key(KIND, project.contract.name, str(number))
    return entry.decode(Service) if entry is not None else None


def answering(project: Project) -> int | None:
    """The number of what answers: the live release, else the newest service; None where nothing does."""
    live = Aliases(project.ledger).current(project.contract.name, "live")
    if live is not None:
        return live
    service = newest_service(project)
    return service.number if service is not None else None


def in_operation(project: Project) -> Project:
    """The project with the contract that holds for what answers: a service's is the file's. WrongUse: nothing does."""
    live = Aliases(project.ledger).current(project.contract.name, "live")
    return in_production(project) if live is not None or newest_service(project) is None else project
