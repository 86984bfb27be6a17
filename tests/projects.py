"""Copies of projects, taken while somebody may still have their ledger open."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

LEDGER = Path(".shipworthy") / "ledger.db"


def copy_project(folder: Path, to: Path, without: tuple[str, ...] = ()) -> Path:
    """Copies a project to a folder that is not there yet, its ledger as SQLite copies one; names are left out.

    SQLite removes the files beside a ledger (-wal, -shm) when the last who had it open lets go of it, which may be
    in the middle of a copy.
    """
    shutil.copytree(folder, to, symlinks=True, ignore=shutil.ignore_patterns(f"{LEDGER.name}*", *without))
    if (folder / LEDGER).exists():
        with closing(sqlite3.connect(folder / LEDGER)) as ledger, closing(sqlite3.connect(to / LEDGER)) as copied:
            ledger.backup(copied)
    return to
