"""What tells one process or machine from another: its number, its name, its cores, what it hands on to others."""

from __future__ import annotations

import getpass
import multiprocessing
import os
import platform
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from typing import Any

from shipworthy.environments.runner.staging.notes import Notes

NUMBER = 4242  # of a process, where it is held
NAME = "held"  # of a machine or user
HASH_SEED = "PYTHONHASHSEED"
FOLDERS = ("HOME", "PWD", "TEMP", "TMP", "TMPDIR")


def stage(notes: Notes, conditions: dict[str, Any]) -> None:
    """Watch it; `identity`, `cores` and `children` in the conditions hold it."""
    _stage_identity(notes, held=bool(conditions.get("identity")))
    _stage_cores(notes, conditions.get("cores"))
    _stage_children(notes, conditions.get("children"))
    _watch_folders(notes)


def _stage_identity(notes: Notes, *, held: bool) -> None:
    numbers = ((os, "getpid"), (os, "getppid"))
    names = ((socket, "gethostname"), (platform, "node"), (getpass, "getuser"))
    for module, name in numbers:
        # Libraries tell parent and child apart by it: only the project's own lines are told another number.
        setattr(module, name, _answered(notes, module, name, held, NUMBER, own_only=True))
    for module, name in names:
        setattr(module, name, _answered(notes, module, name, held, NAME))
    uuid.getnode = _answered(notes, uuid, "getnode", held, NUMBER)


def _answered(
    notes: Notes, module: Any, name: str, held: bool, answer: Any, *, own_only: bool = False
) -> Callable[[], Any]:
    true = getattr(module, name)
    call = f"{module.__name__}.{name}"

    def ask() -> Any:
        direct = notes.take("seed", call)
        return answer if held and (direct or not own_only) else true()

    return ask


def _stage_cores(notes: Notes, cores: int | None) -> None:
    counts = [(os, "cpu_count"), (os, "process_cpu_count"), (multiprocessing, "cpu_count")]
    for module, name in counts:
        if hasattr(module, name):
            setattr(module, name, _counted(notes, module, name, cores))
    if hasattr(os, "sched_getaffinity"):
        true = os.sched_getaffinity

        def usable(pid: int, /) -> set[int]:
            notes.take("cores", "os.sched_getaffinity")
            return true(pid) if cores is None else set(range(cores))

        os.sched_getaffinity = usable


def _counted(notes: Notes, module: Any, name: str, cores: int | None) -> Callable[[], Any]:
    true = getattr(module, name)

    def count() -> Any:
        notes.take("cores", f"{module.__name__}.{name}")
        return true() if cores is None else cores

    return count


def _stage_children(notes: Notes, seed: str | None) -> None:
    """Processes that are started with an environment of their own, without the hash seed that this one has."""
    true = subprocess.Popen.__init__

    def started(self: Any, *given: Any, **named: Any) -> None:
        variables = named.get("env")
        if variables is not None and HASH_SEED not in variables:
            notes.take("hash seed", "subprocess")
            if seed is not None:
                named["env"] = {**variables, HASH_SEED: seed}
        true(self, *given, **named)

    subprocess.Popen.__init__ = started  # type: ignore[method-assign]


def _watch_folders(notes: Notes) -> None:
    """Where the job lies, which is elsewhere every time; it is held by where it is started, not from here."""
    for module, name in ((os, "getcwd"), (os.path, "expanduser"), (tempfile, "gettempdir")):
        setattr(module, name, _noted(notes, module, name))
    kind: Any = type(os.environ)
    true = kind.__getitem__

    def variable(self: Any, key: str) -> Any:
        if key in FOLDERS:
            notes.take("folder", "os.environ")
        return true(self, key)

    kind.__getitem__ = variable


def _noted(notes: Notes, module: Any, name: str) -> Callable[..., Any]:
    true = getattr(module, name)
    call = f"{'os.path' if module is os.path else module.__name__}.{name}"

    def ask(*given: Any) -> Any:
        notes.take("folder", call)
        return true(*given)

    return ask
