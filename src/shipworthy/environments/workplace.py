"""A folder to work in that vanishes when the work is done, and after a kill as soon as the next work begins."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from shipworthy.environments.locking import locked, tried
from shipworthy.errors import WrongUse

LOCK = ".lock"


@contextlib.contextmanager
def workplace(root: Path, kind: str, name: str | None = None) -> Iterator[Path]:
    """A new folder below `root`, under a name that nobody has unless one is given; those that a killed process of the
    same kind left there are removed first.
    """
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root, kind)
    folder = root / f"{kind}-{name or uuid.uuid4().hex[:16]}"
    lock = folder.with_name(folder.name + LOCK)
    try:
        with locked(lock):  # before the folder is there, so that no sweep can take it for abandoned
            folder.mkdir()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)


def temporary() -> Path:
    """This user's folder among the machine's temporary files. WrongUse where somebody else has taken its name."""
    root = Path(tempfile.gettempdir()).resolve() / f"shipworthy-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        root.mkdir(mode=0o700)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise WrongUse(f"{root} is not this user's own folder: remove it, or set TMPDIR to a folder of your own")
    return root


def _sweep(root: Path, kind: str) -> None:
    """A lock that nobody holds belongs to the dead."""
    for lock in root.glob(f"{kind}-*{LOCK}"):
        with tried(lock) as abandoned:
            if abandoned:
                shutil.rmtree(lock.with_name(lock.name.removesuffix(LOCK)), ignore_errors=True)
                lock.unlink(missing_ok=True)
