"""Locks of other formats as hash-pinned requirements: `uv.lock` by uv itself, `pylock.toml` (PEP 751) read here.

What is exported names packages, versions and hashes but no index, so that the same bytes are installed from any.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from shipworthy import digest
from shipworthy.environments import builder, requirements
from shipworthy.environments.locking import locked
from shipworthy.errors import NotFound, Unbuildable
from shipworthy.store import layout

_PYLOCK = re.compile(r"pylock(\.[^.]+)?\.toml")
_HASHES = ("sha256", "sha384", "sha512")  # that installers take from requirements


def as_requirements(lock: Path, *, cache: Path | None = None) -> Path:
    """A lock as hash-pinned requirements: the file itself where it is some already, else an export in the cache.

    NotFound without a lock; Unbuildable, naming it, where something in it is not pinned to bytes.
    """
    if lock.name == "uv.lock":
        text = _of_uv(lock)
    elif _PYLOCK.fullmatch(lock.name):
        text = _of_pylock(lock)
    else:
        return lock
    loose = requirements.unhashed(text)
    if loose:
        raise Unbuildable(
            f"{lock}: {loose[0]} is pinned to no bytes, as it comes from a folder or a repository; expected packages "
            "of an index, or archives with a hash: build a wheel of it, or keep it among the project's own modules",
            loose[0],
        )
    return _kept(text.encode(), cache or layout.environments())


def _kept(content: bytes, store: Path) -> Path:
    path = store / f"{digest.of_bytes(content)[:32]}.exported.lock"
    with locked(path.with_suffix(".exporting")):
        if not path.is_file():
            part = path.with_suffix(".part")
            part.write_bytes(content)
            part.rename(path)
    return path


def _of_uv(lock: Path) -> str:
    """What `uv sync` would install, less the project itself, whose files are its code."""
    if not lock.is_file():
        raise NotFound(f"{lock} does not exist; `uv lock` writes it")
    quiet = ["--no-header", "--no-annotate", "--no-emit-project"]
    done = builder.run_uv(["export", "--frozen", "--format", "requirements.txt", *quiet], lock.parent)
    if done.returncode:
        raise Unbuildable(f"{lock} cannot be exported: {builder.said(done.stderr)}")
    return done.stdout


def _of_pylock(lock: Path) -> str:
    try:
        document = tomllib.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{lock} does not exist; `uv export --format pylock.toml` or `pip lock` writes it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unbuildable(f"{lock} is no TOML: {error}") from None
    if str(document.get("lock-version", "")).partition(".")[0] != "1":
        raise Unbuildable(f"{lock}: expected lock-version 1.0, there is {document.get('lock-version', 'none')}")
    packages = document.get("packages", [])
    return "".join(f"{_requirement(package, lock)}\n" for package in sorted(packages, key=lambda each: each["name"]))


def _requirement(package: Mapping[str, Any], lock: Path) -> str:
    name, version, marker = package["name"], package.get("version"), package.get("marker", "")
    if re.search(r"\b(extras|dependency_groups)\b", marker):
        raise Unbuildable(
            f"{lock}: {name} is there for some extras or groups only ({marker}); expected a lock of what the training "
            "needs and nothing to choose",
            name,
        )
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = sorted({f"--hash={kind}:{value}" for kind, value in _hashes(files)})
    pinned = f"{name}=={version}" if version is not None else name
    return " \\\n    ".join([f"{pinned} ; {marker}" if marker else pinned, *hashes])


def _hashes(files: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    return ((kind, value) for file in files for kind, value in file.get("hashes", {}).items() if kind in _HASHES)
