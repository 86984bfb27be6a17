"""The plan of batches: what of which segment is recorded, is being recorded, and comes next.

A batch is planned in the ledger before anything is written. Whoever finds a planned batch that is not done carries out
that very plan, so that a batch has the same rows however often it is tried.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from shipworthy.errors import InUse
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import batches


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one segment, from `start` to `end` (bytes, exclusive)."""

    source: str
    number: int  # 1, 2, 3, … within the source
    segment: int
    start: int
    end: int
    rows: int
    done: bool = False


def newest(ledger: Ledger, model: str, source: str) -> Batch | None:
    """The newest batch of a source: done, or waiting to be carried out; None before the first."""
    query = (
        select(batches)
        .where(batches.c.model == model, batches.c.source == source)
        .order_by(batches.c.number.desc())
        .limit(1)
    )
    with ledger.reading() as connection:
        row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Batch(source, row["number"], row["segment"], row["start"], row["end"], row["rows"], bool(row["done"]))


def plan(ledger: Ledger, model: str, batch: Batch) -> None:
    """Put a batch into the plan. InUse where another recorder has planned one of that number."""
    row = {"model": model, "source": batch.source, "number": batch.number, "segment": batch.segment}
    row |= {"start": batch.start, "end": batch.end, "rows": batch.rows, "done": 0}
    try:
        with ledger.transaction() as connection:
            connection.execute(insert(batches).values(row))
    except IntegrityError as error:
        raise InUse(f"batch {batch.number} of {batch.source} was planned by another recorder meanwhile") from error


def finish(connection: Connection, model: str, batch: Batch) -> None:
    """Mark a batch as done, within the transaction that counts it. InUse where it has been counted already."""
    key = (batches.c.model == model, batches.c.source == batch.source, batches.c.number == batch.number)
    marked = connection.execute(update(batches).where(*key, batches.c.done == 0).values(done=1))
    if marked.rowcount != 1:
        raise InUse(f"batch {batch.number} of {batch.source} was counted by another recorder meanwhile")
