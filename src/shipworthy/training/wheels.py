"""Wheels kept as objects, so that an environment can be built when the index is out of reach."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from shipworthy import clock
from shipworthy.environments import wheels
from shipworthy.environments.workplace import workplace
from shipworthy.lineage.records import Run, Wheels
from shipworthy.store.ledger import Entry
from shipworthy.training.making import State

KIND = "wheels"


def keep_wheels(entry: Entry, state: State) -> Entry:
    """Keep what the environment of a run is installed from, once for a lock, Python and platform. Unbuildable."""
    run = entry.decode(Run)
    standing = state.ledger.by_key(KIND, entry.model, _key(run))
    if standing is not None:
        return standing
    with workplace(state.layout.work(), "wheels") as work:
        lock, folder = work / "requirements.lock", work / "files"
        state.objects.fetch(run.environment.lock, lock)
        wheels.collect(lock, folder, work, python=run.environment.python, near=state.layout.project)
        files = state.objects.put_tree(folder)
    state.objects.settle({file.digest for file in files})
    kept = Wheels(1, run.environment.lock, run.environment.python, sysconfig.get_platform(), files, clock.now())
    return state.ledger.append_once(KIND, entry.model, kept, subject=entry.id, key=_key(run))


def kept_wheels(entry: Entry, state: State, folder: Path) -> Path | None:
    """The wheels of a run's environment, written into a folder; None where none are kept for this platform."""
    found = state.ledger.by_key(KIND, entry.model, _key(entry.decode(Run)))
    if found is None:
        return None
    state.objects.materialise(found.decode(Wheels).files, folder)
    return folder


def _key(run: Run) -> str:
    minor = run.environment.python.rpartition(".")[0]
    return f"{run.environment.lock}:{minor}:{sysconfig.get_platform()}"
