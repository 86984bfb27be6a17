"""The installation's promise on false alarms: written down in every model's ledger, and read back by its watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from shipworthy.contract.rules import YEARLY
from shipworthy.errors import WrongUse
from shipworthy.monitoring.installation import VERSION, Installation, part_of, split, within
from shipworthy.store.ledger import Ledger
from shipworthy.wiring.project import Project, in_production

KIND = "installation"


def yearly(text: str) -> float:
    """A number a year from "4 per year" and the like. WrongUse."""
    try:
        found: float = YEARLY.take(float(text) if text.replace(".", "", 1).isdecimal() else text)
    except ValueError as error:
        hint = f" ({error})" if str(error) else ""
        raise WrongUse(f"--false-alarms {text!r}: expected {YEARLY.expected}{hint}") from None
    return found


def promise(projects: Sequence[Project], false_alarms: float | None) -> None:
    """Split a promise over the models that are live in projects; None: take back what was promised before."""
    if false_alarms is None:
        wanted = Installation(VERSION, None, ())
    else:
        asked = {one.contract.name: in_production(one).contract.monitoring.false_alarms for one in projects}
        wanted = split(false_alarms, asked)
    for project in projects:
        standing = installation_of(project.ledger, project.contract.name)
        if wanted != (standing or Installation(VERSION, None, ())):
            project.ledger.append(KIND, project.contract.name, wanted)


def installation_of(ledger: Ledger, model: str) -> Installation | None:
    """What was promised last of all models together; None where nothing ever was."""
    entry = ledger.newest(KIND, model)
    return None if entry is None else entry.decode(Installation)


def as_promised(project: Project) -> Project:
    """The project with the promise that holds: its contract's, or its part of the installation's where that is less."""
    part = part_of(installation_of(project.ledger, project.contract.name), project.contract.name)
    monitoring = within(project.contract.monitoring, part)
    return replace(project, contract=msgspec.structs.replace(project.contract, monitoring=monitoring))
