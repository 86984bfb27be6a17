"""A service that somebody else serves, as far as its log has to know it: `service.json` beside the log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from shipworthy.contract.records import Feature
from shipworthy.errors import NotFound, WrongUse
from shipworthy.store.layout import Layout

FILE = "service.json"
VERSION = 1


class Service(msgspec.Struct, frozen=True):
    """Ledger kind "service", key the number: who answers without a release of this project. Unproven by its nature."""

    version: int  # of this format: 1
    model: str
    number: int  # stands where a release's number stands; never one that a release has
    features: tuple[Feature, ...]  # all nullable: what a service answered is kept, whatever it was
    required: tuple[str, ...]  # features that the contract does not let be null
    classes: tuple[str, ...]  # () for a regression
    event_time: str | None
    contract: str  # digest
    reference: str | None  # digest of the object that production is compared with; None: not yet
    origin: Literal["nothing", "sample", "recorded"]  # what the reference was made from
    because: str


def of_contract(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Features as a log keeps those of a service that may answer anything."""
    return tuple(msgspec.structs.replace(feature, nullable=True) for feature in features)


def path_of(project: Path, model: str) -> Path:
    """Where a service's file lies."""
    return Layout(project).logs(model).parent / FILE


def find(project: Path) -> Path:
    """The file of a project's service. NotFound; WrongUse where there are several."""
    found = sorted((Layout(project).state / "models").glob(f"*/{FILE}"))
    if not found:
        raise NotFound(f"{project} knows no service yet: `shipworthy adopt-service` in it makes one of its contract")
    if len(found) > 1:
        names = ", ".join(path.parent.name for path in found)
        raise WrongUse(f"{project} knows several services ({names}): say which, model=NAME")
    return found[0]


def read(path: Path) -> Service:
    """A service's file. NotFound, WrongUse."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Service)
    except FileNotFoundError:
        raise NotFound(f"{path} is not there: `shipworthy adopt-service` writes it") from None
    except msgspec.DecodeError as error:
        raise WrongUse(f"{path} is not the file of a service: {error}") from None
