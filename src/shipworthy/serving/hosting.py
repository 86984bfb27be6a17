"""The list of models that a server with many of them has, and which leave where there is no room for another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from shipworthy.store.whole import write_whole


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """A release that a server answers with."""

    model: str
    number: int
    folder: str  # of the release
    logs: str  # of the model
    features: tuple[str, ...]  # names


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker may hold loaded at a time."""

    memory: int = 1_000_000_000  # bytes, as measured while the models were loaded
    models: int = 1000


class Hosting(msgspec.Struct, frozen=True, kw_only=True):
    """All of them. A file, written by the supervisor's process and read by its workers."""

    models: tuple[Hosted, ...]
    room: Room = Room()


class Resident(msgspec.Struct, frozen=True):
    """A model that is loaded."""

    model: str
    used: float  # when it was asked last: seconds of any clock
    size: int  # bytes


def leaving(residents: Sequence[Resident], room: Room, coming: int | None = None) -> list[str]:
    """Which models to unload, the least recently used first, until the room holds.

    With `coming`, until one more of so many bytes fits; it is loaded even if it needs more than there is in all.
    """
    memory = sum(resident.size for resident in residents) + (coming or 0)
    count = len(residents) + (coming is not None)
    found: list[str] = []
    for resident in sorted(residents, key=lambda one: one.used):
        if memory <= room.memory and count <= room.models:
            break
        found.append(resident.model)
        memory -= resident.size
        count -= 1
    return found


def read_hosting(path: Path) -> Hosting:
    """The list in a file."""
    return msgspec.json.decode(path.read_bytes(), type=Hosting)


def write_hosting(path: Path, hosting: Hosting) -> None:
    """The list as a file: whole, or as it was before."""
    write_whole(path, msgspec.json.encode(hosting))
