"""A first hash-pinned lock from what the user has installed, for a project that has none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uv

from shipworthy.environments.installed import TOOLS, Distribution, Installed, missing, to_lock
from shipworthy.environments.requirements import normalised, written_by
from shipworthy.errors import Unbuildable, WrongUse

_QUIET = (
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
)


@dataclass(frozen=True, slots=True)
class Frozen:
    """What `freeze` has done."""

    lock: Path
    pinned: int  # distributions, whatever follows from others included
    added: tuple[str, ...]  # not installed, but needed: pinned at their newest release
    left_out: tuple[str, ...]  # installed from no index: editable, a local file, a repository


def freeze(installed: Installed, lock: Path, *, needed: Sequence[str] = ()) -> Frozen:
    """Write a lock of what is installed, at the versions installed, with hashes and for every platform.

    `needed` names what has to be in it even where it is not installed yet. Of a Python that the whole machine shares
    nothing else is taken, for what it holds says nothing about this model. WrongUse where there is a lock already or
    nothing to lock; Unbuildable, with uv's reason, where an index cannot be asked or has none of these versions.
    """
    if lock.exists():
        raise WrongUse(f"{lock} is there already and is never overwritten")
    added = missing(installed, needed)
    roots = [f"{each.name}=={each.version}" for each in _chosen(installed, needed)]
    if not roots and not added:
        raise WrongUse(f"nothing is installed that {lock.name} could name: activate the environment of the model")
    pins = [
        f"{each.name}=={each.version}"
        for each in installed.distributions
        if each.origin is None and each.key not in TOOLS
    ]
    text = _compile([*roots, *added], pins, installed.python, lock)
    lock.parent.mkdir(parents=True, exist_ok=True)
    part = lock.with_name(f".{lock.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.rename(lock)
    left_out = tuple(each.name for each in installed.distributions if each.origin is not None and each.key not in TOOLS)
    return Frozen(lock, text.count("=="), added, left_out)


def _chosen(installed: Installed, needed: Sequence[str]) -> Sequence[Distribution]:
    if installed.isolated:
        return to_lock(installed.distributions)
    names = {normalised(name) for name in needed}
    return [each for each in installed.distributions if each.key in names and each.origin is None]


def _compile(roots: Sequence[str], pins: Sequence[str], python: str, lock: Path) -> str:
    """The lock's text, as uv resolves it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    constraints = lock.with_name(f".{lock.name}.installed")
    constraints.write_text("\n".join(pins), encoding="utf-8")
    command = [uv.find_uv_bin(), "--no-progress", "--color", "never", "pip", "compile", "-", *_QUIET]
    try:
        done = subprocess.run(
            [*command, "--python-version", python, "--constraints", str(constraints)],
            input="\n".join(roots),
            capture_output=True,
            text=True,
            cwd=lock.parent,
            env=_settings(),
            check=False,
        )
    finally:
        constraints.unlink()
    if done.returncode:
        said = done.stderr.partition("error:")[2].strip() or done.stderr.strip()
        raise Unbuildable(
            f"{lock.name} cannot be written: {said}\nIf no index can be reached from here, write it where one can: "
            f"{written_by(lock.name)}"
        )
    return done.stdout


def _settings() -> dict[str, str]:
    """The machine's own settings; an index that only pip was told of is told to uv too."""
    settings = dict(os.environ)
    index = settings.get("PIP_INDEX_URL")
    if index and not (settings.get("UV_DEFAULT_INDEX") or settings.get("UV_INDEX_URL")):
        settings["UV_DEFAULT_INDEX"] = index
    return settings
