"""What is installed in the user's own environment, and what of it a lock has to name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from shipworthy.environments.requirements import normalised
from shipworthy.errors import NotFound, Unbuildable

TOOLS = frozenset({"pip", "setuptools", "shipworthy", "uv", "wheel"})  # no part of what a model needs to be trained

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Runs in the user's Python, whatever its version: standard library only.
_INVENTORY = """
import json, os, sys
sys.path[:] = [path for path in sys.path if path]
from importlib.metadata import distributions
found = [
    {
        "name": each.metadata["Name"],
        "version": each.version,
        "requires": list(each.requires or ()),
        "requested": each.read_text("REQUESTED") is not None,
        "origin": json.loads(each.read_text("direct_url.json") or "{}").get("url"),
    }
    for each in distributions()
    if each.metadata["Name"]
]
isolated = sys.prefix != sys.base_prefix or os.path.isdir(os.path.join(sys.prefix, "conda-meta"))
print(json.dumps({"python": "%d.%d" % sys.version_info[:2], "isolated": isolated, "distributions": found}))
"""


class Distribution(msgspec.Struct, frozen=True):
    """One installed distribution."""

    name: str  # as it calls itself
    version: str
    requires: tuple[str, ...]  # as its metadata has them, with markers
    requested: bool  # somebody asked for it by name
    origin: str | None  # the URL that it was installed from, where that was no index

    @property
    def key(self) -> str:
        """The normalised name: "Foo_Bar" is "foo-bar"."""
        return normalised(self.name)


class Installed(msgspec.Struct, frozen=True):
    """An environment of the user's."""

    python: str  # "3.12"
    isolated: bool  # a virtual or conda environment, not the Python that the whole machine shares
    distributions: tuple[Distribution, ...]

    def has(self, name: str) -> bool:
        """Whether a distribution is there."""
        return any(each.key == normalised(name) for each in self.distributions)


def find_python(folder: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The user's Python: that of the active environment, else of the project's `.venv`, else the one on PATH.

    NotFound where there is none.
    """
    active = [environ[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name)]
    for home in (*map(Path, active), folder / ".venv"):
        for python in (home / "bin" / "python", home / "Scripts" / "python.exe", home / "python.exe"):
            if python.is_file():
                return python
    for name in ("python3", "python"):
        found = shutil.which(name, path=environ.get("PATH"))
        if found:
            return Path(found)
    raise NotFound("no Python was found: activate the environment that the model is trained in")


def look(python: Path) -> Installed:
    """What is installed for a Python. Unbuildable where it cannot be asked."""
    command = [str(python), "-c", _INVENTORY]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        raise Unbuildable(f"{python} cannot say what it has installed: {' '.join(said)}") from None
    try:
        return msgspec.convert(json.loads(done.stdout), Installed)
    except (ValueError, msgspec.ValidationError) as error:
        raise Unbuildable(f"{python} cannot say what it has installed: {error}") from None


def to_lock(distributions: Sequence[Distribution]) -> tuple[Distribution, ...]:
    """What a lock names; whatever else is needed follows from it. Pure.

    That is what was asked for by name or is needed by nothing else. Shipworthy and what came with it alone are no part
    of it, nor is what came from no index, for a lock could not say where to find it.
    """
    known = {each.key: each for each in distributions}
    shipworthys = _closure(known, "shipworthy")
    needed = {name for each in distributions if each.key not in shipworthys for name in required(each)}
    return tuple(
        each
        for each in sorted(known.values(), key=lambda each: each.key)
        if each.key not in TOOLS
        and each.origin is None
        and (each.requested or (each.key not in needed and each.key not in shipworthys))
    )


def required(distribution: Distribution) -> frozenset[str]:
    """Normalised names of what a distribution needs without extras, on any platform."""
    plain = (text for text in distribution.requires if not re.search(r";.*\bextra\b", text))
    return frozenset(normalised(match[0]) for match in map(_NAME.match, plain) if match)


def missing(installed: Installed, wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that are not installed."""
    return tuple(name for name in wanted if not installed.has(name))


def _closure(known: Mapping[str, Distribution], root: str) -> Collection[str]:
    reached: set[str] = set()
    waiting = [root] if root in known else []
    while waiting:
        name = waiting.pop()
        if name not in reached and name in known:
            reached.add(name)
            waiting += required(known[name])
    return reached
