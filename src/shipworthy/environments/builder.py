"""Virtual environments from a hash-pinned lock, built by uv and cached by what they are made of.

An environment is built where it will stay, because its scripts hold their own path, under a lock on a file beside it.
A marker, written last, says that it is whole: what was left half-built by a kill is removed by the next that wants it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import uv

from shipworthy import digest
from shipworthy.environments.locking import locked
from shipworthy.environments.requirements import names, without, written_by
from shipworthy.errors import Conflict, NotFound, Unbuildable
from shipworthy.store import layout

MARKER = "shipworthy-complete"
YANKED = "shipworthy.yanked"  # what uv said of releases that their authors took back, a line each
LOCKED = "shipworthy.lock"  # the requirements that it was made from, beside the marker


def build(lock: Path, *, python: str | None = None, near: Path | None = None, cache: Path | None = None) -> Path:
    """The environment of a lock, from the cache or newly built; its folder.

    `near` is the folder whose uv settings count, by default the lock's own. `python` is a version ("3.11", "3.11.7"),
    by default that of shipworthy itself. Safe when killed and when several processes want the same one. NotFound
    without a lock; Unbuildable, naming the requirement at fault.
    """
    content = content_of(lock)
    return _cached(near or lock.parent, content, python, cache)


def build_with(
    lock: Path,
    extra: Sequence[str],
    *,
    python: str | None = None,
    near: Path | None = None,
    cache: Path | None = None,
) -> Path:
    """The environment of a lock with further requirements added, none of the lock's own pins moved.

    Conflict, with uv's reason, where the two do not go together.
    """
    return build(lock_with(lock, extra, python=python, near=near, cache=cache), python=python, near=near, cache=cache)


def lock_with(
    lock: Path,
    extra: Sequence[str],
    *,
    python: str | None = None,
    near: Path | None = None,
    cache: Path | None = None,
) -> Path:
    """A lock with further requirements pinned in it, and its own pins as they were; kept in the cache.

    What was resolved once stays so, and needs no index the next time. Conflict where it does not resolve.
    """
    content = content_of(lock)
    store = cache or layout.environments()
    pinned = store / f"{_key(content + '|'.join(['', *extra]).encode(), python)}.lock"
    with locked(pinned.with_suffix(".resolving")):
        if not pinned.is_file():
            part = pinned.with_suffix(".part")
            part.write_bytes(content + b"\n" + _resolve(lock, extra, python, near or lock.parent))
            part.rename(pinned)
    return pinned


def build_fresh(
    lock: Path, folder: Path, *, python: str | None = None, near: Path | None = None, wheels: Path | None = None
) -> Path:
    """The environment of a lock in a folder that does not exist yet, whatever the cache holds.

    `wheels` is a folder that has all it is installed from: no index is asked then.
    """
    alone = () if wheels is None else ("--offline", "--no-index", "--no-cache", "--find-links", str(wheels.resolve()))
    _make(folder, content_of(lock), near or lock.parent, python, (), alone)
    return folder


def build_with_versions(
    lock: Path, folder: Path, versions: Mapping[str, str], *, python: str | None = None, near: Path | None = None
) -> Path:
    """The environment of a lock in a new folder, other versions of some packages installed over it. Unbuildable."""
    build_fresh(lock, folder, python=python, near=near)
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    command = ["pip", "install", "--python", str(interpreter(folder)), "--no-deps", *wanted]
    _uv(command, near or lock.parent, "\n".join(wanted), ())
    return folder


def has_python(version: str) -> bool:
    """Whether exactly this version of Python is installed here."""
    return _own_is(version) or not run_uv(["python", "find", "--no-project", version], Path.cwd(), ()).returncode


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / "Scripts" / "python.exe" if sys.platform == "win32" else environment / "bin" / "python"


def yanked(environment: Path) -> tuple[str, ...]:
    """What the index said, when an environment was built, of pinned releases that their authors have taken back."""
    found = environment / YANKED
    return tuple(found.read_text(encoding="utf-8").splitlines()) if found.is_file() else ()


def bytecode(environment: Path) -> Path:
    """Where what is run in an environment keeps the bytecode that it compiled.

    Beside it, so that no training may write into the environment itself. Python takes none that does not fit its
    source, and a fresh environment begins with none.
    """
    return environment.with_name(f"{environment.name}.bytecode")


def _cached(near: Path, content: bytes, python: str | None, cache: Path | None) -> Path:
    store = cache or layout.environments()
    folder = store / _key(content, python)
    if _whole(folder):
        return folder
    with locked(store / f"{folder.name}.building") as descriptor:
        if not _whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, content, near, python, (descriptor,))
    return folder


def _whole(folder: Path) -> bool:
    """Also False where the Python that it was made with has gone."""
    return (folder / MARKER).is_file() and interpreter(folder).exists()


def _key(content: bytes, python: str | None) -> str:
    made_of = [digest.of_bytes(content), python or platform.python_version(), sys.platform, platform.machine()]
    return digest.of_value(made_of)[:32]


def _make(
    folder: Path, content: bytes, near: Path, python: str | None, keep: Sequence[int], options: Sequence[str] = ()
) -> None:
    _uv(["venv", "--no-project", "--python", wanted(python), str(folder)], near, "", keep)
    lock = folder / LOCKED
    lock.write_bytes(content)
    if names(content.decode()):
        said = _uv(
            ["pip", "install", "--python", str(interpreter(folder)), "--require-hashes", *options, "-r", str(lock)],
            near,
            content.decode(),
            keep,
        )
        (folder / YANKED).write_text("\n".join(re.findall(r"^warning: (.+ is yanked.*)$", said, re.MULTILINE)))
    (folder / MARKER).touch()


def wanted(python: str | None) -> str:
    """What uv is asked for: shipworthy's own Python where its version is asked for: that one is certainly there."""
    return sys.executable if python is None or _own_is(python) else python


def _own_is(version: str) -> bool:
    own = platform.python_version()
    return own == version or own.startswith(f"{version}.")


def _resolve(lock: Path, extra: Sequence[str], python: str | None, near: Path) -> bytes:
    """Pins of what `extra` needs beyond the lock."""
    version = python or platform.python_version()
    command = ["pip", "compile", "-", "--constraints", str(lock.resolve()), "--python-version", version]
    quiet = ["--no-header", "--no-annotate", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
    done = run_uv([*command, *quiet], near, (), "\n".join(extra))
    if done.returncode:
        raise Conflict(f"{', '.join(extra)} cannot be installed beside {lock.name}: {said(done.stderr)}", tuple(extra))
    return without(done.stdout, names(lock.read_text())).encode()


def _uv(arguments: Sequence[str], near: Path, content: str, keep: Sequence[int]) -> str:
    """What it said beside its work. Unbuildable."""
    done = run_uv(arguments, near, keep)
    if done.returncode:
        reason = said(done.stderr)
        at_fault = next((name for name in names(content) if name in reason.lower()), None)
        raise Unbuildable(f"the environment cannot be built: {reason}", at_fault)
    return done.stderr


def run_uv(
    arguments: Sequence[str], near: Path, keep: Sequence[int] = (), text: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run uv in a folder, whose settings then count; the caller looks at how it ended."""
    return subprocess.run(  # noqa: PLW1510 - the caller says what went wrong
        [uv.find_uv_bin(), "--no-progress", "--color", "never", *arguments],
        input=text,
        stdin=subprocess.DEVNULL if text is None else None,
        capture_output=True,
        text=True,
        cwd=near,
        env=_settings(os.environ),
        pass_fds=keep,
    )


def _settings(outside: Mapping[str, str]) -> dict[str, str]:
    """The machine's own settings of uv, without the environment that shipworthy itself runs in.

    An index that only pip was told of is told to uv too.
    """
    kept = {name: value for name, value in outside.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")}
    index = outside.get("PIP_INDEX_URL")
    if index and not (outside.get("UV_DEFAULT_INDEX") or outside.get("UV_INDEX_URL")):
        kept["UV_DEFAULT_INDEX"] = index
    return kept


def content_of(lock: Path) -> bytes:
    """What stands in a lock. NotFound, saying how to write one."""
    try:
        return lock.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"{lock} does not exist; expected a hash-pinned lock: write one with {written_by()}") from None


def said(stderr: str) -> str:
    """What uv said went wrong, from its first error on."""
    start = stderr.find("error:")
    return stderr[max(start, 0) :].removeprefix("error:").strip()
