"""Reading a ledger in SQLite where nothing may be written: on a disk mounted read-only, or in somebody else's folder.

In WAL mode a reader writes, too: it enters itself into an index (-shm) beside the file. Where that is not there and
cannot be made, SQLite refuses to read at all, unless it is told that nobody writes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

Connect = Callable[[], sqlite3.Connection]


def closed_to_writing(file: Path) -> Connect | None:
    """How to read a ledger's file that stands in a folder where this process may not write.

    None where there is nothing about it to mind: it may be written, is not there, or has its index, as beside a running
    `up`. What was committed and not yet moved into the file (-wal) is read, in a copy: the index of that can be made.
    """
    if os.access(file.parent, os.W_OK) or not os.access(file, os.R_OK):
        return None
    log, index = (file.with_name(file.name + ending) for ending in ("-wal", "-shm"))
    if os.access(log, os.R_OK) and os.access(index, os.R_OK):
        return None
    if not log.exists() or not log.stat().st_size:
        return lambda: _open(file, "immutable=1")
    return _of_copy(file, log)


def _of_copy(file: Path, log: Path) -> Connect:
    place = tempfile.TemporaryDirectory(prefix="shipworthy-ledger-")  # goes with the last who can connect
    copied = Path(place.name, file.name)
    for one in (file, log):
        shutil.copyfile(one, copied.with_name(one.name))

    def connect(_kept: object = place) -> sqlite3.Connection:
        connection = _open(copied, "mode=rw")
        connection.execute("PRAGMA query_only=1")  # what is written into a copy would be lost
        return connection

    return connect


def _open(file: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?{how}", uri=True, check_same_thread=False)
