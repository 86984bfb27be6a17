"""Distributions installed into a plain folder, for another Python and C library than ours: what an image is made of."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from shipworthy.environments.builder import run_uv, said
from shipworthy.environments.requirements import names
from shipworthy.errors import Conflict, Unbuildable

_SCRIPTS = "bin"  # name the Python that installed them, and nothing here starts them


def pin(wanted: Sequence[str], python: str, near: Path) -> str:
    """A hash-pinned lock of distributions as they are installed here, and of all that they need. Conflict."""
    here = sorted({f"{each.name}=={each.version}" for each in distributions() if each.name != "shipworthy"})
    constraints = near / "installed-here.txt"
    constraints.write_text("\n".join(here), encoding="utf-8")
    quiet = ("--no-header", "--no-annotate", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links")
    command = ("pip", "compile", "-", "--constraints", str(constraints), "--python-version", python, *quiet)
    done = run_uv(command, near, (), "\n".join(wanted))
    if done.returncode:
        raise Conflict(f"{', '.join(wanted)} cannot be pinned for Python {python}: {said(done.stderr)}", tuple(wanted))
    return done.stdout


def stage(lock: Path, folder: Path, *, python: str, platform: str | None, near: Path) -> None:
    """Install a lock into a folder, hash by hash: the same bytes wherever this runs.

    `python` is a version ("3.11"), `platform` as uv names it; without one, this machine's own. Unbuildable, with the
    reason, where there is no built distribution for these.
    """
    target = ["--target", str(folder), "--python-version", python]
    target += [] if platform is None else ["--python-platform", platform]
    how = ("--require-hashes", "--only-binary", ":all:", "--link-mode", "copy", "--no-compile-bytecode")
    content = lock.read_text(encoding="utf-8")
    done = run_uv(["pip", "install", *target, *how, "-r", str(lock)], near)
    if done.returncode:
        reason = said(done.stderr)
        at_fault = next((name for name in names(content) if name in reason.lower()), None)
        raise Unbuildable(f"{lock.name} cannot be installed for Python {python} on {platform}: {reason}", at_fault)
    _settle(folder)


def _settle(folder: Path) -> None:
    """Take out what depends on the machine that installed it."""
    shutil.rmtree(folder / _SCRIPTS, ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith((f"{_SCRIPTS}/", f"../../{_SCRIPTS}/"))]
        record.write_text("\n".join(sorted(kept)) + "\n", encoding="utf-8")
