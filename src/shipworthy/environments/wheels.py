"""The files that an environment is installed from, fetched from the index while it has them.

pip fetches them, in the Python that they are for: uv has no command for it. It is told of the indexes that uv is told
of, and both hold every file to the hashes of the lock.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipworthy.environments import builder
from shipworthy.environments.requirements import names
from shipworthy.errors import Unbuildable

# Of uv -> of pip.
_VARIABLES = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX_URL": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_EXTRA_INDEX_URL": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "UV_NO_INDEX": "PIP_NO_INDEX",
}


def collect(lock: Path, folder: Path, work: Path, *, python: str | None = None, near: Path | None = None) -> None:
    """Fetch every file that the lock's environment is made from on this machine into a folder.

    `work` is a folder of its own to work in; `near` is the folder whose uv settings count. Unbuildable, with pip's
    reason, where the index does not have one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not names(lock.read_text(encoding="utf-8")):
        return
    place = near or lock.parent
    environment = work / "pip"
    for arguments in (
        ["venv", "--no-project", "--python", builder.wanted(python), str(environment)],
        ["pip", "install", "--python", str(builder.interpreter(environment)), "pip"],
    ):
        done = builder.run_uv(arguments, place)
        if done.returncode:
            raise Unbuildable(f"the wheels cannot be fetched, as pip is not to be had: {builder.said(done.stderr)}")
    fetched = subprocess.run(
        [
            str(builder.interpreter(environment)), "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--require-hashes", "--prefer-binary", "--dest", str(folder), "-r", str(lock.resolve()),
        ],
        cwd=place,
        env={**os.environ, **_indexes(os.environ), **_written(place)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if fetched.returncode:
        raise Unbuildable(f"the wheels cannot be fetched: {fetched.stderr.strip()}")


def _indexes(outside: Mapping[str, str]) -> dict[str, str]:
    return {of_pip: outside[of_uv] for of_uv, of_pip in _VARIABLES.items() if outside.get(of_uv)}


def _written(folder: Path) -> dict[str, str]:
    """What uv.toml, else [tool.uv] of pyproject.toml, says of indexes; the folder is the one that pip works in."""
    settings = _settings(folder)
    indexes = settings.get("index", [])
    first = next((each["url"] for each in indexes if each.get("default")), settings.get("index-url"))
    extra = [*(each["url"] for each in indexes if not each.get("default")), *settings.get("extra-index-url", [])]
    found = {
        "PIP_INDEX_URL": first,
        "PIP_EXTRA_INDEX_URL": " ".join(extra),
        "PIP_FIND_LINKS": " ".join(settings.get("find-links", [])),
        "PIP_NO_INDEX": "1" if settings.get("no-index") else None,
    }
    return {name: value for name, value in found.items() if value}


def _settings(folder: Path) -> dict[str, Any]:
    own, project = folder / "uv.toml", folder / "pyproject.toml"
    if own.is_file():
        return tomllib.loads(own.read_text(encoding="utf-8"))
    if project.is_file():
        found: dict[str, Any] = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("uv", {})
        return found
    return {}
