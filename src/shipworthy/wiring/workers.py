"""The command of a serving worker: our own Python, or, for a Python model, its lock with the server added."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import shipworthy
from shipworthy.contract.records import Contract
from shipworthy.environments import builder
from shipworthy.lineage.records import Run
from shipworthy.models.bundle import Bundle
from shipworthy.models.records import BundleDescription
from shipworthy.registry.releases import Releases
from shipworthy.store.layout import environments
from shipworthy.store.objects import Objects
from shipworthy.wiring.keys import trusted_keys
from shipworthy.wiring.project import Project, run_behind

MODULE = "shipworthy.wiring.serve"
OWN = (sys.executable, "-m", MODULE)

# What a worker imports (a test holds this against its import graph). The tables of the user's lock stay as they are.
SERVER = ("cryptography", "httptools", "msgspec", "obstore", "securesystemslib", "uvloop")
SHARED = ("numpy", "pyarrow")

# A process imports a module once: where another release has other code, other words here have it start anew.
_START = "import sys; sys.path.append({path!r}); from {module} import main; sys.exit(main())  # code {code}"


@dataclass(frozen=True, slots=True)
class Served:
    """A verified release, and how to start a worker for it."""

    folder: Path
    bundle: Bundle
    contract: Contract
    command: tuple[str, ...]


def served(project: Project, number: int) -> Served:
    """A release whose files are here and verified."""
    releases = Releases(project.ledger, project.objects)
    released = releases.materialise(project.layout, project.contract.name, number, trusted_keys())
    run = run_behind(project, number).decode(Run)
    bundle = Bundle.open(released.folder)
    command = worker_command(bundle.description, run.environment.lock, run.code.digest, project.objects)
    return Served(released.folder, bundle, released.contract, command)


def worker_command(description: BundleDescription, lock: str, code: str, objects: Objects) -> tuple[str, ...]:
    """How to start a worker for a bundle; `lock` and `code` are the digests of the run's.

    Conflict, naming it, where the server does not go together with the lock of a Python model.
    """
    if description.online != "python":
        return OWN
    kept = _kept(lock, objects)
    extra = (*(f"{name}=={version(name)}" for name in SERVER), *SHARED)
    environment = builder.build_with(kept, extra)
    start = _START.format(path=str(_only_shipworthy()), module=MODULE, code=code)
    return (str(builder.interpreter(environment)), "-c", start)


def _kept(lock: str, objects: Objects) -> Path:
    """A lock as a file of the cache, whole or not there."""
    kept = environments() / "locks" / f"{lock}.lock"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        growing = kept.with_name(f".{kept.name}-{os.getpid()}")
        objects.fetch(lock, growing)
        growing.replace(kept)
    return kept


def _only_shipworthy() -> Path:
    """A folder in which shipworthy is the only package, so that nothing else of our environment comes along."""
    package = Path(shipworthy.__file__).parent
    folder = environments() / "server" / shipworthy.__version__
    link = folder / "shipworthy"
    if not link.is_symlink() or link.resolve() != package.resolve():
        folder.mkdir(parents=True, exist_ok=True)
        growing = folder / f".shipworthy-{os.getpid()}"
        growing.unlink(missing_ok=True)
        growing.symlink_to(package)
        growing.replace(link)
    return folder
