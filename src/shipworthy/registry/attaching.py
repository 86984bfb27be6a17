"""What came of an unproven release since: an adopted model whose training was attached and gives the same answers."""

from __future__ import annotations

import msgspec

from shipworthy.lineage.records import ReachedRung, Rebuild, reaches
from shipworthy.registry.records import Release
from shipworthy.store.ledger import Ledger


class Attached(msgspec.Struct, frozen=True):
    """The training that was found to make an adopted model."""

    rebuild: str  # id
    run: str  # whose recipe it was
    rung: ReachedRung
    release: int | None  # of that run; None: not released yet


def proven_since(ledger: Ledger, release: Release) -> Attached | None:
    """The training that makes just what was adopted; None where none is attached, or it makes something else."""
    if release.proven:
        return None
    for entry in ledger.entries("rebuild", release.model, subject=release.run):
        made = entry.decode(Rebuild)
        if made.trained is not None and reaches(made.rung, made.wanted):
            found = ledger.newest("release", release.model, subject=made.trained)
            return Attached(entry.id, made.trained, made.rung, None if found is None else found.decode(Release).number)
    return None


def said(attached: Attached) -> str:
    """In words."""
    released = "" if attached.release is None else f", released as @{attached.release}"
    return f"proven since: {attached.run} makes it again, {attached.rung}{released}"
