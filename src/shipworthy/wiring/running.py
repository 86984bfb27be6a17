"""What a running `up` tells the others: where it answers. A file beside the lock, whole or not there."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shipworthy.store.whole import write_whole

FILE = "up.json"


class Running(msgspec.Struct, frozen=True):
    """One `up`."""

    pid: int
    server: str  # URL
    page: str | None  # URL
    roles: tuple[str, ...]


def write_running(state: Path, running: Running) -> None:
    """Say it."""
    write_whole(state / FILE, msgspec.json.encode(running))


def read_running(state: Path) -> Running | None:
    """What was said last; None where nobody runs."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Running)
    except FileNotFoundError:
        return None


def remove_running(state: Path) -> None:
    """Nobody runs any more."""
    (state / FILE).unlink(missing_ok=True)
