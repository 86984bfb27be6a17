"""Which paths a job may read and write."""

# ruff: noqa: PTH100, PTH114, PTH118
# Asked before every file that is opened, and pathlib takes three times as long as os.path.
from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Reach:
    """Readable and writable trees, and the trees inside them that stay out of reach. Links are followed."""

    def __init__(self, readable: Iterable[str], writable: Iterable[str], closed: Iterable[str] = ()) -> None:
        self.written = _real(writable)
        self.read = [path for path in _real(readable) if path not in self.written]
        self.closed = _real(closed)
        self._written = _beginnings(self.written)
        self._read = _beginnings([*self.read, *self.written])
        self._closed = _beginnings(self.closed)

    def reads(self, path: str) -> bool:
        """Whether what is there may be read."""
        return _below(path, self._read) and not _below(path, self._closed)

    def writes(self, path: str) -> bool:
        """Whether something may be written there, or made."""
        return _below(path, self._written)

    def split(self) -> Iterator[tuple[str, bool]]:
        """The readable trees as (path, whether all below it may be read), none of which holds a closed one.

        A folder above a closed one is given as False, and what else is in it by itself.
        """
        for path in self.read:
            yield from self._split(path)

    def _split(self, path: str) -> Iterator[tuple[str, bool]]:
        if path in self.closed:
            return
        if not any(closed.startswith(path.rstrip(os.sep) + os.sep) for closed in self.closed):
            yield path, True
            return
        yield path, False
        for entry in sorted(Path(path).iterdir()):
            if not entry.is_symlink():
                yield from self._split(str(entry))


def _real(paths: Iterable[str]) -> list[str]:
    return sorted({os.path.realpath(path) for path in paths if path})


def _beginnings(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(path.rstrip(os.sep) + os.sep for path in paths)


def _below(path: str, beginnings: tuple[str, ...]) -> bool:
    return (resolved(path) + os.sep).startswith(beginnings)


def resolved(path: str) -> str:
    """The path with no link in it. The links above a file are followed once: many files stand in few folders."""
    folder, name = os.path.split(os.path.abspath(path))
    place = os.path.join(_folder(folder), name)
    return os.path.realpath(place) if os.path.islink(place) else place


@functools.lru_cache(maxsize=10_000)
def _folder(path: str) -> str:
    return os.path.realpath(path)
