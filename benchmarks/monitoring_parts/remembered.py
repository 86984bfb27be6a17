"""What a peer said of the same jobs before: asking five peers takes a quarter of an hour, and ours changes more often.

Kept under build/, by everything that an answer depends on: the jobs' values, the peer's lock, how it is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from monitoring_parts import detectors
from monitoring_parts.judging import Said
from monitoring_parts.real import LOCKS
from monitoring_parts.scenarios import Job
from serving_parts.environments import BUILT


def digest(jobs: Sequence[Job]) -> str:
    """Of all that a peer is told."""
    found = hashlib.blake2b(Path(detectors.__file__).read_bytes(), digest_size=12)
    for job in jobs:
        found.update(repr((job.category, job.watched, job.column, job.reference.shape, job.windows.shape)).encode())
        found.update(job.reference.tobytes())
        found.update(job.windows.tobytes())
    return found.hexdigest()


def said(who: str, jobs: Sequence[Job], ask: Callable[[], tuple[Said, float]], *, afresh: bool) -> tuple[Said, float]:
    """What it said, and how many seconds that took; asked if it has not been, or afresh."""
    lock = hashlib.blake2b((LOCKS / f"{detectors.HOMES.get(who, who)}.lock").read_bytes(), digest_size=6).hexdigest()
    file = BUILT / "said" / f"{who}-{lock}-{digest(jobs)}.npz"
    if file.exists() and not afresh:
        with np.load(file) as kept:
            ends = kept["ends"]
            return Said(np.split(kept["statistic"], ends), np.split(kept["fires"], ends)), float(kept["seconds"])
    found, seconds = ask()
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part.npz")
    np.savez(
        part,
        statistic=np.concatenate(found.statistic),
        fires=np.concatenate(found.fires),
        ends=np.cumsum([len(one) for one in found.fires])[:-1],
        seconds=seconds,
    )
    part.rename(file)
    return found, seconds
