"""The environment that an adopted model is looked at in: of a lock, of what is installed, or of logged requirements."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from shipworthy import digest
from shipworthy.adoption.records import Surroundings
from shipworthy.environments import builder, requirements
from shipworthy.environments.freezing import freeze
from shipworthy.environments.installed import TOOLS, Installed, find_python, look
from shipworthy.environments.requirements import normalised
from shipworthy.errors import Conflict, Unbuildable, WrongUse
from shipworthy.models import adopting
from shipworthy.models.adopting import Described, Unloadable
from shipworthy.models.converting import requirements as converters
from shipworthy.models.inside.convention import CONVERTED, EXACT
from shipworthy.wiring.adopted_model import Source

LOCK = "requirements.lock"
_SKLEARN = re.compile(rb"_sklearn_version[^0-9]{1,12}?(\d+(?:\.\d+)+)")  # in the pickle of any of its estimators
_OLDEST = (3, 11)  # Python that the scripts inside run on


@dataclass(frozen=True, slots=True)
class Place:
    """Where the model is looked at, and converted."""

    lock: Path
    python: Path  # of an environment of the lock with the converters
    how: tuple[str, ...]  # ways of conversion that go together with the lock
    described: Described
    surroundings: Surroundings
    notes: tuple[str, ...]


def place_of(source: Source, lock: Path | None, folder: Path, work: Path) -> Place:
    """An environment in which the model loads. WrongUse, saying what is missing, where there is none."""
    if source.given.format == "onnx":
        return _for_graph(source, work)
    if lock is not None:
        return _built(source, lock, work, "lock", str(lock), ())
    tracked = source.tracked.requirements if source.tracked is not None else ()
    if tracked:
        found = _installed(folder)
        if found is None or not _satisfies(found[1], tracked):
            return _of_tracker(source, tracked, work)
    return _of_installed(source, folder, work)


def _for_graph(source: Source, work: Path) -> Place:
    """A graph needs nothing of its user's: it is run by the ONNX Runtime that would serve it."""
    empty = _empty(work)
    extra = [*converters((EXACT,)), f"onnxruntime=={version('onnxruntime')}", f"numpy=={version('numpy')}"]
    python = builder.interpreter(builder.build_with(empty, extra))
    try:
        described = adopting.look(source.given, python, work)
    except Unloadable as error:
        raise WrongUse(f"{error}\nIt {_unlike(source.given.file.read_bytes())}") from None
    return Place(empty, python, (EXACT,), described, _surroundings(empty, "graph", "a graph"), ())


def _of_tracker(source: Source, lines: Sequence[str], work: Path) -> Place:
    """A lock from the requirements that were logged, less the tracker itself, which the model does not need."""
    wanted = [line for line in lines if line[:1].isalpha() and not re.match(r"mlflow(-skinny)?\b", line)]
    try:
        lock = work / LOCK
        lock.write_bytes(builder.lock_with(_empty(work), wanted).read_bytes().lstrip())
    except Unbuildable as error:
        raise WrongUse(
            f"the requirements that were logged with the model do not resolve: {error}\n"
            "Activate the environment that it was trained in, or name its lock with --environment LOCK"
        ) from None
    python = source.tracked.python if source.tracked is not None else None
    own = ".".join(map(str, sys.version_info[:2]))
    other = python is not None and not python.startswith(f"{own}.")
    notes = (f"It was logged under Python {python} and looked at under {own}.",) if other else ()
    return _built(source, lock, work, "tracker", "an environment of the logged requirements", notes)


def _of_installed(source: Source, folder: Path, work: Path) -> Place:
    """A lock of what is installed, no more than the model needs."""
    python = find_python(folder)
    installed = look(python)
    if tuple(map(int, installed.python.split("."))) < _OLDEST:
        raise WrongUse(f"{python} is Python {installed.python}: expected 3.11 or newer, or --environment LOCK")
    try:
        described = adopting.look(source.given, python, work)
    except Unloadable as error:
        raise _explained(source, error, str(python)) from None
    needed = tuple(name for name in described.distributions if normalised(name) not in TOOLS)
    lock = work / LOCK
    frozen = freeze(msgspec.structs.replace(installed, isolated=False), lock, needed=needed)
    local = sorted(set(frozen.left_out) & set(needed))
    notes = (f"{', '.join(local)} came from no index, so that no lock can name it.",) if local else ()
    return _built(source, lock, work, "installed", str(python), notes)


def _built(source: Source, lock: Path, work: Path, origin: str, named: str, notes: tuple[str, ...]) -> Place:
    """Built from the lock and looked at there: whatever the lock lacks shows now."""
    how, python = _environment(lock)
    # The converters bring libraries along that the lock may lack; a lock made of what was imported lacks nothing.
    alone = python if origin == "installed" else builder.interpreter(builder.build(lock))
    try:
        described = adopting.look(source.given, alone, work)
    except Unloadable as error:
        raise _explained(source, error, named if origin == "lock" else f"the lock made from {named}") from None
    if CONVERTED not in how:
        notes = (*notes, "The converters do not go together with this lock: only graphs of our own were tried.")
    return Place(lock, python, how, described, _surroundings(lock, origin, named), notes)


def _environment(lock: Path) -> tuple[tuple[str, ...], Path]:
    locked = requirements.names(builder.content_of(lock).decode())
    for how in ((EXACT, CONVERTED), (EXACT,)):
        try:
            return how, builder.interpreter(builder.build_with(lock, converters(how, locked)))
        except Conflict:
            continue
    return (), builder.interpreter(builder.build_with(lock, ("pyarrow",)))


def _surroundings(lock: Path, origin: str, named: str) -> Surroundings:
    text = lock.read_text(encoding="utf-8")
    pinned = len(requirements.names(text))
    return msgspec.convert(
        {
            "origin": origin,
            "named": named,
            "lock": digest.of_file(lock),
            "hashed": pinned > 0 and text.count("--hash=") >= pinned,
            "pinned": pinned,
        },
        Surroundings,
    )


def _explained(source: Source, error: Unloadable, where: str) -> WrongUse:
    if not error.missing:
        return WrongUse(f"the model cannot be loaded in {where}: {error}{_remedy(source.given.file)}")
    return Unloadable(
        f"{source.given.file.name} needs the module {error.missing!r}: {where} does not have it. If that is a package, "
        "activate the environment that the model was trained in, or name its lock with --environment LOCK; if it is "
        "your own, run this in the folder that holds it",
        error.missing,
    )


def _remedy(file: Path) -> str:
    """What may be wrong with a file that cannot be loaded, and what to do; with what it says of its library itself."""
    content = file.read_bytes()
    said = _SKLEARN.search(content)
    by = f"It was written with scikit-learn {said[1].decode()}. " if said is not None else ""
    return (
        f"\n{by}Where it was written with other versions than are there, activate the environment that it was trained "
        f"in, or name its lock with --environment LOCK. Where not, it {_unlike(content)}"
    )


def _unlike(content: bytes) -> str:
    """What to hold against the file as it was when it was written."""
    return f"may be cut short or changed: it has {len(content):,} bytes, and the SHA-256 {digest.of_bytes(content)}"


def _installed(folder: Path) -> tuple[Path, Installed] | None:
    try:
        python = find_python(folder)
        return python, look(python)
    except WrongUse:
        return None


def _satisfies(installed: Installed, lines: Sequence[str]) -> bool:
    """Whether what was logged is installed, at the versions that were logged."""
    there = {each.key: each.version for each in installed.distributions}
    for line in lines:
        found = re.match(r"([A-Za-z0-9._-]+)\s*(?:==\s*([^\s;#]+))?", line)
        if found is None or normalised(found[1]) in ("mlflow", "mlflow-skinny"):
            continue
        if there.get(normalised(found[1])) is None or found[2] not in (None, there[normalised(found[1])]):
            return False
    return True


def _empty(work: Path) -> Path:
    lock = work / "empty.lock"
    lock.touch()
    return lock
