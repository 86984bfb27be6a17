"""Keeping the report on an adopted model, with the bundle that it is about."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shipworthy.adoption.records import Adoption
from shipworthy.errors import NotFound
from shipworthy.store.layout import Layout
from shipworthy.store.ledger import Entry, Ledger
from shipworthy.store.objects import Objects
from shipworthy.store.preparation import prepare
from shipworthy.wiring.project import find_layout, is_new

KIND = "adoption"


def keep(adoption: Adoption, folder: Path, bundle: Path, lock: Path) -> tuple[Entry, Adoption]:
    """The entry, in the state of the project that a folder lies in, else of its own."""
    layout = _layout(folder)
    if is_new(layout):
        prepare(layout)
    ledger, objects = Ledger(layout.ledger_url), Objects(layout.objects)
    try:
        files = objects.put_tree(bundle)
        objects.settle({objects.put_file(lock), *(file.digest for file in files)})
        kept = msgspec.structs.replace(adoption, files=files)
        return ledger.append(KIND, kept.model, kept), kept
    finally:
        ledger.close()


def _layout(folder: Path) -> Layout:
    try:
        return find_layout(folder)
    except NotFound:
        return Layout(folder.resolve())
