"""Two contracts side by side, from files, releases or runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from shipworthy.contract.comparison import Change, changes, must_raise_version
from shipworthy.contract.reading import read
from shipworthy.contract.records import Contract
from shipworthy.errors import NotFound
from shipworthy.lineage.records import Run
from shipworthy.registry.names import run_of
from shipworthy.wiring.project import CONTRACT, find_layout, open_project


class Compared(msgspec.Struct, frozen=True):
    """What `shipworthy compare` says."""

    old: str
    new: str
    version_before: int  # model.version
    version: int
    outcome: Literal["passed", "blocked"]  # blocked: something breaks callers, and the version was not raised
    changes: tuple[Change, ...]  # breaking ones first


def compare_contracts(folder: Path, old: str, new: str) -> Compared:
    """Every difference of two contracts. NotFound, ContractError; `new` "" is the project's file."""
    before = _contract(folder, old)
    wanted = new or str(find_layout(folder).project / CONTRACT)
    after = _contract(folder, wanted)
    return Compared(
        old=old,
        new=new or CONTRACT,
        version_before=before.model.version,
        version=after.model.version,
        outcome="blocked" if must_raise_version(before, after) else "passed",
        changes=changes(before, after),
    )


def _contract(folder: Path, name: str) -> Contract:
    """A file's contract, one that only rehearses included; else that of the run behind a name."""
    path = Path(name)
    if path.is_dir():
        path = path / CONTRACT
    if path.is_file():
        return read(path, needs="serving")
    if path.suffix == ".toml":
        raise NotFound(f"{name} is not there: expected a contract's file, or a release or run such as @live")
    project = open_project(folder, needs="serving")
    return run_of(project.ledger, name, model=project.contract.name).decode(Run).contract
