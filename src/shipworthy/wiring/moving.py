"""`move` and `backup`: a project's ledger and objects at another place, the same to the last digest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import select

from shipworthy import clock
from shipworthy.errors import InUse, WrongUse
from shipworthy.store.copying import Copied, copy_ledger, copy_objects
from shipworthy.store.database import shown
from shipworthy.store.holding import hold
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Ledger
from shipworthy.store.moved import Moved, note_moved
from shipworthy.store.objects import Objects
from shipworthy.store.tables import leases
from shipworthy.wiring.project import find_layout

Report = Callable[[str, float | None], None]


def move(folder: Path, database: str, store: str | None, report: Report) -> Copied:
    """Copy everything to another database, and objects to another store where one is named, and leave a note here.

    InUse where anything works on the ledger, or the database has records of a model; WrongUse where both are one place.
    """
    layout = find_layout(folder)
    with hold(layout.state, "shipworthy move"):
        ledger = Ledger(layout.ledger_url)
        try:
            _require_rest(ledger)
            # Objects first: a record never stands where its files do not.
            objects = (0, 0) if store is None else _objects(layout, store, report)
            report("records", None)
            copied = copy_ledger(ledger, database, alone=True)
        finally:
            ledger.close()
        where = None if store is None else _place(store)
        note_moved(
            layout,
            Moved(shown(layout.ledger_url), shown(database), where, clock.now(), copied.records, copied.digest),
        )
    return msgspec.structs.replace(copied, objects=objects[0], bytes=objects[1])


def backup(folder: Path, target: Path, report: Report) -> Copied:
    """Write everything into a folder, whoever works meanwhile; what an earlier backup left there is brought up to date.

    The ledger is that of one moment, and replaces the earlier one when it is whole. Objects are never removed.
    """
    layout = find_layout(folder)
    if target.resolve() == layout.state.resolve():
        raise WrongUse(f"{target} is the project's own state; expected another folder, on another disk")
    target.mkdir(parents=True, exist_ok=True)
    growing = target / f".ledger.db.{os.getpid()}"
    ledger = Ledger(layout.ledger_url)
    try:
        report("records", None)
        copied = copy_ledger(ledger, f"sqlite:///{growing.resolve()}", alone=False)
        # Objects after: what the ledger of that moment names was there before it.
        objects = _objects(layout, str(target / "objects"), report)
        growing.replace(target / "ledger.db")
    finally:
        ledger.close()
        for left in target.glob(f"{growing.name}*"):
            left.unlink()
    return msgspec.structs.replace(copied, objects=objects[0], bytes=objects[1])


def _objects(layout: Layout, store: str, report: Report) -> tuple[int, int]:
    if _place(store) == _place(layout.objects):
        raise WrongUse(f"{store} is where the objects are; leave --store out, or name another place")
    return copy_objects(Objects(layout.objects), Objects(store), lambda done: report("objects", done))


def _place(store: str) -> str:
    return store if "://" in store else str(Path(store).resolve())


def _require_rest(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        busy = connection.execute(select(leases.c.name, leases.c.holder).where(leases.c.until > clock.now())).all()
    if busy:
        works = ", ".join(f"{name} ({holder})" for name, holder in busy)
        raise InUse(f"somebody works on {shown(ledger.url)}: {works}; stop `up`, `record`, `watch` and `refresh` first")
