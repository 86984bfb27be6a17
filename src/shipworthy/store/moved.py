"""Where a ledger has gone: a note beside the one that was left, so that nobody goes on in the old one unawares.

And the other way round: a database that has nothing of a model, while the folder's own ledger has, is no beginning.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from sqlalchemy import select

from shipworthy import clock
from shipworthy.errors import WrongUse
from shipworthy.store.database import open_engine, reading, schema_of, shown
from shipworthy.store.layout import Layout
from shipworthy.store.tables import entries
from shipworthy.store.whole import write_whole

FILE = "moved.json"


class Moved(msgspec.Struct, frozen=True):
    """A ledger that was moved. URLs without passwords."""

    from_: str = msgspec.field(name="from")
    to: str
    store: str | None  # where the objects went; None: they stayed
    at: int  # ns since 1970, UTC
    records: int
    digest: str  # of the records, in their order


def note_moved(layout: Layout, moved: Moved) -> Path:
    """Leave the note; returns its path."""
    path = layout.state / FILE
    write_whole(path, msgspec.json.format(msgspec.json.encode(moved), indent=2) + b"\n")
    return path


def require_place(layout: Layout, model: str) -> None:
    """WrongUse where the ledger that would be used was left, or where another one beside it is the model's."""
    here = shown(layout.ledger_url)
    note = _read(layout.state / FILE)
    if note is not None and note.from_ == here:
        raise WrongUse(
            f"the ledger of this project was moved to {note.to} at {clock.to_iso(note.at)[:19]}Z, and {here} was left "
            f"as it was: set SHIPWORTHY_DATABASE_URL to where it is now{_and_store(note)}; to go on here all the same, "
            f"remove {layout.state / FILE}"
        )
    own = layout.own_ledger_url
    if here != shown(own) and (note is None or note.from_ != shown(own)):
        _refuse_beginning(layout, model, here, own)


def _refuse_beginning(layout: Layout, model: str, here: str, own: str) -> None:
    if not _has_records(own, model) or _has_records(layout.ledger_url, model):
        return
    raise WrongUse(
        f"{here} has no record of {model}, and {layout.state / 'ledger.db'} has: `shipworthy move --database URL`, "
        "with SHIPWORTHY_DATABASE_URL unset, brings them there; to begin anew, put that file away"
    )


def _and_store(note: Moved) -> str:
    return f", and SHIPWORTHY_STORE to {note.store}" if note.store is not None else ""


def _has_records(url: str, model: str) -> bool:
    engine = open_engine(url)
    try:
        if schema_of(engine) is None:
            return False
        with reading(engine) as connection:
            return connection.execute(select(entries.c.id).where(entries.c.model == model).limit(1)).first() is not None
    finally:
        engine.dispose()


def _read(path: Path) -> Moved | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Moved)
    except FileNotFoundError:
        return None
