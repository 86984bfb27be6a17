"""Which installed distributions a training has really imported, in its own process and in those that it started."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable
from pathlib import Path


def imported(project: Path, more: Iterable[str] = ()) -> dict[str, str]:
    """Distribution -> version, sorted; `more` are names of modules that other processes imported.

    What lies in the project is a part of its code, and no distribution that a lock could name.
    """
    names = {".".join(name.split(".")[:2]) for name in (*list(sys.modules), *more)}
    owners = importlib.metadata.packages_distributions()
    found: set[str] = set()
    for top in {name.partition(".")[0] for name in names} & owners.keys():
        several = set(owners[top])
        found |= several if len(several) == 1 else _used(several, {name for name in names if _below(name, top)})
    installed = {name: importlib.metadata.distribution(name) for name in sorted(found)}
    return {name: each.version for name, each in installed.items() if not _lies_in(each, project)}


def _lies_in(distribution: importlib.metadata.Distribution, project: Path) -> bool:
    return Path(str(distribution.locate_file(""))).resolve().is_relative_to(project.resolve())


def _below(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}.")


def _used(distributions: set[str], names: set[str]) -> set[str]:
    """Those of several distributions that share a package (google, nvidia) whose own part of it was imported."""
    parts = {name.replace(".", "/") for name in names if "." in name}
    return {each for each in distributions if parts & _parts(each)} or distributions


def _parts(distribution: str) -> set[str]:
    """The modules of a distribution two levels deep, "google/protobuf"."""
    files = importlib.metadata.files(distribution) or ()
    return {"/".join([file.parts[0], file.parts[1].partition(".")[0]]) for file in files if len(file.parts) > 1}
