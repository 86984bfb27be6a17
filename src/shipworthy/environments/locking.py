"""A lock on a file that the kernel gives back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock at `path`, waiting for whoever has it; gives its descriptor.

    A child that is handed the descriptor keeps the lock when this process is killed, until it ends itself.
    The file stays: a lock on a file that was removed and made anew would hold nobody out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream.fileno()


@contextmanager
def tried(path: Path) -> Iterator[bool]:
    """Like `locked`, but gives False at once where somebody else holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
