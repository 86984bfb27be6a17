"""The level of SLSA's build track that a release reaches, from evidence alone. Pure.

Source: https://slsa.dev/spec/v1.0/levels. A level is reached where every requirement of it and of those below is met
by something that the verifier could see. What nobody can see in a statement, such as whose machine it was, counts as
not met unless the verifier knows better.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

LEVELS = 3


class Requirement(msgspec.Struct, frozen=True):
    """One thing that a level asks for, and what was found."""

    level: int
    asks: str
    met: bool
    found: str


class Reached(msgspec.Struct, frozen=True):
    """The level, 0 to 3, and what it rests on."""

    level: int
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Build:
    """What statements say of a build, once their signatures were found right."""

    recipe: str  # what was run; "" where nobody knows
    inputs: tuple[str, ...]  # that were pinned by digest
    unpinned: tuple[str, ...]  # that were not
    key: str  # id of the key that signed
    service: bool  # the verifier says that only a build service holds this key
    sandbox: str  # of the training
    rung: str | None  # that the rebuild in a fresh environment reached; None: never rebuilt
    rebuild_sandbox: str


def reached(build: Build) -> Reached:
    """The highest level whose requirements, and all below, are met."""
    requirements = (*_provenance(build), *_origin(build), *_isolation(build))
    missed = min((each.level for each in requirements if not each.met), default=LEVELS + 1)
    return Reached(missed - 1, requirements)


def _provenance(build: Build) -> tuple[Requirement, ...]:
    known = f"{build.recipe}, from {', '.join(build.inputs)}" if build.recipe else "nobody recorded what was run"
    gap = f"; not pinned: {', '.join(build.unpinned)}" if build.unpinned else ""
    return (
        Requirement(
            1, "provenance says how it was built", bool(build.recipe and build.inputs and not gap), known + gap
        ),
    )


def _origin(build: Build) -> tuple[Requirement, ...]:
    whose = "which you named as a build service's" if build.service else "which is not known to be a build service's"
    return (
        Requirement(2, "provenance is signed", bool(build.key), f"by {build.key[:16]}"),
        Requirement(
            2, "a build service made it, not a person's machine", build.service, f"key {build.key[:16]}, {whose}"
        ),
    )


def _isolation(build: Build) -> tuple[Requirement, ...]:
    return (
        Requirement(
            3,
            "the build could not reach the signing key",
            _closed(build.sandbox),
            f"sandbox of the training: {build.sandbox}",
        ),
        Requirement(3, "no other build could change its outcome", *_apart(build)),
    )


def _apart(build: Build) -> tuple[bool, str]:
    """Trainings in one environment share what it compiles; a rebuild's environment is its own.

    So only a rebuild that gave the very same bytes shows that nothing came in from another training.
    """
    if build.rung is None:
        return False, "it was never made again in an environment of its own"
    if not _closed(build.rebuild_sandbox):
        return False, f"it was made again, but with the sandbox: {build.rebuild_sandbox or 'not recorded'}"
    if build.rung != "bit-identical":
        return False, f"made again in an environment of its own it is {build.rung}, not bit-identical"
    return True, "made again in an environment of its own it is bit-identical"


def _closed(sandbox: str) -> bool:
    """Whether the kernel held files and network."""
    files, _, network = sandbox.partition(", ")
    return files.startswith("landlock abi ") and network.startswith(("network namespace", "seccomp"))
