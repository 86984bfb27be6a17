"""A ledger and its objects copied to another place, record by record: to share them, to keep them, to have them back.

Every record is held against its own digest as it is read, and those that arrived against those that were sent, so that
a copy is the ledger or is not there. Leases are not copied: whoever works says so again.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, Select, insert, select

from shipworthy.errors import InUse, Tampered, WrongUse
from shipworthy.store.database import shown
from shipworthy.store.ledger import Ledger, verified
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare_ledger
from shipworthy.store.tables import entries, leases, metadata

BATCH = 500  # rows a statement
COUNTED = tuple(table for table in metadata.sorted_tables if table not in (entries, leases))


class Copied(msgspec.Struct, frozen=True):
    """What has been copied."""

    models: tuple[str, ...]
    records: int
    counted: int  # rows of the counting tables
    digest: str  # of the records' own digests, in their order: that of the copy is the same
    objects: int = 0  # that the place holds now, those that it held before included
    bytes: int = 0  # of the objects that were written


def copy_ledger(source: Ledger, url: str, *, alone: bool) -> Copied:
    """Copy all of a ledger into the database at `url`, which is made ready: all of it is there then, or nothing.

    alone: let nobody write to the source meanwhile. InUse where the database holds something of one of the models;
    WrongUse where it is the source itself; Tampered where a record is not what was written.
    """
    if shown(url) == shown(source.url):
        raise WrongUse(f"{shown(url)} is where the ledger is; expected another database")
    prepare_ledger(url)
    target = Ledger(url)
    try:
        with source.transaction() if alone else source.reading() as reader, target.transaction() as writer:
            models = _models(reader)
            _refuse_mixing(models, _models(writer), url)
            sent, records = _copy_entries(reader, writer)
            counted = _copy_counted(reader, writer)
            if _digest_of(writer, models) != sent:
                raise Tampered(f"what arrived in {shown(url)} is not what was sent; nothing of it is kept")
        return Copied(tuple(sorted(models)), records, counted, sent)
    finally:
        target.close()


def copy_objects(source: Objects, target: Objects, report: Callable[[float], None] = lambda _: None) -> tuple[int, int]:
    """Copy every object that is not there yet; how many there are, and the bytes written. NotFound, Tampered.

    One that is cut short goes on where it stopped.
    """
    every = sorted(source.every())
    written = 0
    with tempfile.TemporaryDirectory(prefix="shipworthy-copy-") as folder:
        passing = Path(folder) / "object"
        for number, sha in enumerate(every):
            if not target.has(sha):
                source.fetch(sha, passing)
                target.put_file(passing)
                written += passing.stat().st_size
            report((number + 1) / len(every))
    target.settle(every)
    return len(every), written


def _models(connection: Connection) -> set[str]:
    return {model for table in (entries, *COUNTED) for (model,) in connection.execute(select(table.c.model).distinct())}


def _refuse_mixing(models: set[str], there: set[str], url: str) -> None:
    if models & there:
        raise InUse(
            f"{shown(url)} holds records of {', '.join(sorted(models & there))} already, and two histories of a model "
            "cannot be made one: expected a database without any; name another, or set SHIPWORTHY_DATABASE_URL to "
            "this one if it is the one that counts"
        )


def _copy_entries(reader: Connection, writer: Connection) -> tuple[str, int]:
    seen, number = hashlib.sha256(), 0
    with _streamed(reader, select(entries).order_by(entries.c.sequence)) as found:
        for rows in found.mappings().partitions():
            for row in rows:
                verified(row)
                seen.update(row["digest"].encode())
            # The sequence is the database's own: the order is kept, whatever else the database holds.
            writer.execute(insert(entries), [{key: row[key] for key in row if key != "sequence"} for row in rows])
            number += len(rows)
    return seen.hexdigest(), number


def _copy_counted(reader: Connection, writer: Connection) -> int:
    number = 0
    for table in COUNTED:
        with _streamed(reader, select(table)) as found:
            for rows in found.mappings().partitions():
                writer.execute(insert(table), [dict(row) for row in rows])
                number += len(rows)
    return number


def _digest_of(connection: Connection, models: set[str]) -> str:
    """Of the records' own digests, in their order."""
    seen = hashlib.sha256()
    query = select(entries.c.digest).where(entries.c.model.in_(sorted(models))).order_by(entries.c.sequence)
    with _streamed(connection, query) as found:
        for one in found.scalars():
            seen.update(one.encode())
    return seen.hexdigest()


def _streamed(connection: Connection, query: Select[Any]) -> CursorResult[Any]:
    """Rows as they come, BATCH at a time; to be closed, for the server may hold a cursor for them."""
    return connection.execute(query.execution_options(yield_per=BATCH))
