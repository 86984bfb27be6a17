"""A ledger where nothing may be written, on a disk mounted read-only or in somebody else's folder, is read as ever."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shipworthy.store.ledger import Ledger
from shipworthy.store.preparation import prepare_ledger

# Root may write anywhere, unless it gives that up.
AS_ANYBODY = () if os.getuid() else ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
READS = """
import sys
from shipworthy.store.ledger import Ledger
ledger = Ledger(sys.argv[1])
print([entry.decode(dict)["n"] for entry in ledger.entries("note")])
if len(sys.argv) > 2:
    ledger.append("note", "m", {"n": 9})
"""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A ledger with two records in a folder; what is done with the folder is up to the test."""
    file = tmp_path / "state" / "ledger.db"
    prepare_ledger(f"sqlite:///{file}")
    with closing(Ledger(f"sqlite:///{file}")) as ledger:
        for number in (1, 2):
            ledger.append("note", "m", {"n": number})
    yield file
    file.parent.chmod(0o755)


def close(folder: Path) -> None:
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)


def read(file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    before = sorted(file.parent.iterdir())
    done = subprocess.run(
        [*AS_ANYBODY, sys.executable, "-c", READS, f"sqlite:///{file}", *more],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(file.parents[1])},
    )
    assert sorted(file.parent.iterdir()) == before
    assert list(file.parents[1].glob("shipworthy-ledger-*")) == []
    return done


def test_where_whoever_wrote_has_left_nothing_beside_it(kept: Path):
    assert sorted(each.name for each in kept.parent.iterdir()) == ["ledger.db"]
    close(kept.parent)
    assert read(kept).stdout.strip() == "[2, 1]"


def test_what_a_killed_writer_had_not_moved_into_the_file_is_read_too(kept: Path):
    with closing(sqlite3.connect(kept)) as writer:
        writer.execute("UPDATE entries SET sequence = sequence + 10 WHERE sequence = 1")
        writer.commit()
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy(kept.with_name(name), kept.parents[1] / name)
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.move(kept.parents[1] / name, kept.with_name(name))
    close(kept.parent)
    assert read(kept).stdout.strip() == "[1, 2]"


def test_beside_somebody_who_writes(kept: Path):
    with closing(Ledger(f"sqlite:///{kept}")) as owner:
        owner.append("note", "m", {"n": 3})
        close(kept.parent)
        assert read(kept).stdout.strip() == "[3, 2, 1]"


@pytest.mark.parametrize("left", [False, True])
def test_writing_is_refused(kept: Path, left: bool):
    """Also where it would go into a copy, and be lost."""
    if left:
        shutil.copy(kept, kept.with_name("ledger.db-wal"))  # no log at all, which SQLite passes over
    close(kept.parent)
    done = read(kept, "write")
    assert done.stdout.strip() == "[2, 1]"
    assert "attempt to write a readonly database" in done.stderr


def test_a_name_that_sqlite_would_take_for_more_than_a_name(kept: Path):
    moved = kept.parents[1] / "50% of a #1 state"
    kept.parent.rename(moved)
    close(moved)
    try:
        assert read(moved / kept.name).stdout.strip() == "[2, 1]"
    finally:
        moved.rename(kept.parent)
