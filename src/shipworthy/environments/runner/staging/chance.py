"""Chance, as the machine gives it: whatever seeds a generator that was given no seed."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
from collections.abc import Callable
from typing import Any

from shipworthy.environments.runner.staging.notes import Notes


def stage(notes: Notes, held: int | None) -> None:
    """Watch it. `held`: the same bytes every time, another series for each number.

    numpy's generators without a seed, `secrets` and `uuid` take theirs from here. Libraries in other languages that ask
    the kernel themselves (polars, torch.seed) do not.
    """
    bytes_ = _true_bytes() if held is None else _Series(held)

    def urandom(size: int, /) -> bytes:
        notes.take("chance", "os.urandom")
        return bytes_(size)

    def getrandom(size: int, flags: int = 0) -> bytes:
        notes.take("chance", "os.getrandom")
        return bytes_(size)

    os.urandom = urandom
    if hasattr(os, "getrandom"):
        os.getrandom = getrandom
    random._urandom = urandom  # type: ignore[attr-defined]  # noqa: SLF001 - SystemRandom and, by it, secrets and numpy
    _stage_generators(notes, None if held is None else bytes_)


def _true_bytes() -> Callable[[int], bytes]:
    return os.urandom


class _Series:
    """Bytes that follow from a number."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._count = itertools.count()

    def __call__(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += hashlib.sha256(f"{self._number}:{next(self._count)}".encode()).digest()
        return found[:size]


def _stage_generators(notes: Notes, bytes_: Callable[[int], bytes] | None) -> None:
    """random.Random() and random.seed() without a seed, which ask the kernel themselves."""
    true = random.Random.seed

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            notes.take("chance", "random.seed")
            a = None if bytes_ is None else int.from_bytes(bytes_(32), "big")
        true(self, a, version)

    random.Random.seed = seed  # type: ignore[method-assign]
    random.seed = random._inst.seed  # noqa: SLF001 - it was bound before
