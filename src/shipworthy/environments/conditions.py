"""The conditions that a training runs under, where they are not its own, and what it asked the machine for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from shipworthy.environments.runner.staging import beginning
from shipworthy.environments.undeclared import Frame


class Conditions(msgspec.Struct, frozen=True):
    """Other conditions than a training's own, to tell what its model depends on; the default changes nothing.

    Whatever is not watched is not staged: the fields from `clock` on need `watched`.
    """

    variables: dict[str, str | None] = {}  # in place of those that are fixed or handed on; None: not there
    watched: bool = False  # whether what the training asks the machine for is noted, in ASKED
    clock: int | None = None  # ns since 1970, UTC, that time begins at
    still: bool = False  # whether time goes on only by being asked for
    chance: int | None = None  # what the machine's randomness follows from
    identity: bool = False  # whether process, machine and user have the same number or name every time
    cores: int | None = None  # that the machine seems to have
    children: str | None = None  # hash seed of processes that are started without one
    folder: str | None = None  # what the job's own folder, which HOME and TMPDIR lie in, is called


AS_IT_IS = Conditions()


class Asked(msgspec.Struct, frozen=True):
    """What a line of the project's led to asking the machine for."""

    kind: Literal["clock", "chance", "seed", "cores", "hash seed", "folder"]
    call: str  # "time.time"
    direct: bool  # whether the line makes the call itself, and no library that it calls
    frame: Frame


def staged(environment: Mapping[str, str], conditions: Conditions) -> dict[str, str]:
    """The variables of a process under these conditions."""
    changed = {**environment, **conditions.variables}
    return {name: value for name, value in changed.items() if value is not None}


def asked(output: Path) -> tuple[Asked, ...]:
    """What a watched job asked the machine for, each call of a line once."""
    path = output / beginning.ASKED
    lines = path.read_bytes().splitlines() if path.is_file() else []
    return tuple(dict.fromkeys(msgspec.json.decode(line, type=Asked) for line in lines))
