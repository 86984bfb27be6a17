"""What a running `up` tells the others: where it answers. A file beside the lock, whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE = "up.json"


class Running(msgspec.Struct, frozen=True):
    """One `up`."""

    pid: int
    server: str  # URL
    page: str | None  # URL
    roles: tuple[str, ...]


def write_running(state: Path, running: Running) -> None:
    """Say it."""
    growing = state / f".{FILE}.{os.getpid()}"
    growing.write_bytes(msgspec.json.encode(running))
    growing.replace(state / FILE)


def read_running(state: Path) -> Running | None:
    """What was said last; None where nobody runs."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Running)
    except FileNotFoundError:
        return None


def remove_running(state: Path) -> None:
    """Nobody runs any more."""
    (state / FILE).unlink(missing_ok=True)
