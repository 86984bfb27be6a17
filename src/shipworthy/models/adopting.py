"""Starting the scripts that look at a user's own model: `inside/`, run by a Python of an environment of theirs.

Here the file is never opened: a spec goes in as JSON; JSON and files of a bundle come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.contract.records import Feature, Task, Value
from shipworthy.errors import WrongUse
from shipworthy.models.answers import Class
from shipworthy.models.bundle import MODEL, PROBES
from shipworthy.models.converting import run_inside
from shipworthy.models.formats import Format
from shipworthy.models.records import TableKind
from shipworthy.models.runtimes import FILES

TIMEOUT = 120.0  # seconds


class Described(msgspec.Struct, frozen=True):
    """What a model says about itself."""

    family: str
    task: Task
    classes: tuple[Class, ...]  # () for a regression
    names: tuple[str, ...]  # of its inputs, in its order; () where it was trained on an array
    inputs: int | None  # how many; None where it does not say
    table: TableKind
    parameters: dict[str, Value]
    seeds: dict[str, str | None]  # None: left open, so that every training comes out different
    distributions: tuple[str, ...]  # installed ones that it needs to be loaded
    warnings: tuple[str, ...]  # of other versions of its library


class Kept(msgspec.Struct, frozen=True):
    """What came of writing the model into a bundle."""

    modules: tuple[str, ...]  # of the user's own, that it refers to
    thresholds: dict[str, list[float]]  # feature -> where its trees split
    canonical_digest: str | None


class _Failed(msgspec.Struct, frozen=True):
    error: str = ""
    missing: str = ""  # a module that is not installed


class _Looked(msgspec.Struct, frozen=True):
    described: Described


class Unloadable(WrongUse):
    """The model file cannot be used where it was tried; `missing` is the module that was not there, if that is why."""

    def __init__(self, message: str, missing: str = "") -> None:
        self.missing = missing
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Given:
    """A model file as its user has it."""

    file: Path
    format: Format
    path: tuple[Path, ...] = ()  # folders that modules of the user's own are imported from
    project: Path = Path()  # what lies below it is the user's own


def look(given: Given, python: Path, work: Path) -> Described:
    """What the model is. Unloadable, with the library's own words, where it cannot be loaded."""
    return msgspec.convert(_do("look", given, python, work, {}), _Looked).described


def keep(
    given: Given,
    python: Path,
    work: Path,
    bundle: Path,
    described: Described,
    features: Sequence[Feature],
    borrowed: Mapping[str, Path],
) -> Kept:
    """Write the model into a bundle folder that holds probes. `borrowed` are modules of the training, by name."""
    more = {
        "bundle": str(bundle),
        "model_file": MODEL,
        "probes": PROBES,
        "files": {name: str(file) for name, file in FILES.items()},
        "features": [{"name": feature.name, "type": feature.type} for feature in features],
        "table": described.table,
        "borrowed": {name: str(file) for name, file in borrowed.items()},
    }
    return msgspec.convert(_do("keep", given, python, work, more), Kept)


def answer(
    given: Given, python: Path, work: Path, bundle: Path, described: Described, tables: Mapping[Path, Path]
) -> None:
    """Have the model of a bundle answer Parquet files, each into a .npy file (n, k) beside it."""
    more = {
        "bundle": str(bundle),
        "model_file": MODEL,
        "table": described.table,
        "task": described.task,
        "classes": list(described.classes),
        "tables": {str(rows): str(answers) for rows, answers in tables.items()},
    }
    _do("answer", given, python, work, more)


def _do(task: str, given: Given, python: Path, work: Path, more: Mapping[str, Any]) -> dict[str, Any]:
    result = work / f"{task}.result.json"
    spec = {
        "do": task,
        "file": str(given.file.resolve()),
        "format": given.format,
        "path": [str(folder.resolve()) for folder in given.path],
        "project": str(given.project.resolve()),
        "result": str(result),
        **more,
    }
    written = work / f"{task}.spec.json"
    written.write_bytes(msgspec.json.encode(spec))
    failure = run_inside(python, written, work, TIMEOUT)
    if not result.is_file():
        raise Unloadable(f"{given.file.name} could not be looked at: {failure}")
    found: dict[str, Any] = msgspec.json.decode(result.read_bytes())
    failed = msgspec.convert(found, _Failed)
    if failed.error:
        raise Unloadable(f"{given.file.name}: {failed.error}", failed.missing)
    return found
