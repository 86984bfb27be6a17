"""One supervisor a state folder: a lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.errors import InUse

FILE = "up.lock"
TRIES = 10
PAUSE = 0.02  # seconds


class Holder(msgspec.Struct, frozen=True):
    """Who holds the state."""

    pid: int
    since: int  # ns since 1970, UTC
    command: str = ""


@contextmanager
def hold(state: Path, command: str = "shipworthy up") -> Iterator[Holder]:
    """Hold a state folder for as long as the block runs. InUse, naming the first, where another process does."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / FILE).open("a+b") as lock:  # never removed: a lock on a removed file holds nobody out
        if not _take(lock.fileno()):
            raise InUse(_in_use(state, _read(state)))
        holder = Holder(os.getpid(), clock.now(), command)
        lock.truncate(0)
        lock.write(msgspec.json.encode(holder))
        lock.flush()
        try:
            yield holder
        finally:
            lock.truncate(0)


def holder_of(state: Path) -> Holder | None:
    """Who holds a state folder now; None where nobody does."""
    try:
        with (state / FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _read(state) or Holder(0, 0)
    return None


def _take(descriptor: int) -> bool:
    """Tries for a moment: `holder_of`, in another process, shares the lock while it looks."""
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        else:
            return True
    return False


def _read(state: Path) -> Holder | None:
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):  # taken this instant, and not yet written
        return None


def _in_use(state: Path, first: Holder | None) -> str:
    if first is None:
        return f"{state} is held by another process that has just started; only one at a time may run on it"
    return (
        f"{state} is held by `{first.command}`, process {first.pid}, since {clock.to_iso(first.since)}; "
        "only one at a time may run on it: stop that one first, or start this one in another project"
    )
