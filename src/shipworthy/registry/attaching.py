"""What came of an unproven release since: an adopted model whose training was attached and gives the same answers."""

from __future__ import annotations

import msgspec

from shipworthy import digest
from shipworthy.lineage.records import ReachedRung, Rebuild, Run, reaches
from shipworthy.registry.manifest import PROVENANCE_FILE
from shipworthy.registry.rebuilt import rebuild_statement
from shipworthy.registry.records import Attachment, Release
from shipworthy.registry.signing import SigningKey
from shipworthy.registry.verification import VerifiedRelease
from shipworthy.store.ledger import Entry, Ledger

KIND = "attachment"
VERSION = 1


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


def attach(ledger: Ledger, release: VerifiedRelease, rebuild: Entry, key: SigningKey) -> Attachment | None:
    """Sign that a release's model is what a training makes, once; None where the rebuild is no proof of that."""
    made = rebuild.decode(Rebuild)
    if made.trained is None or made.run != release.run or not reaches(made.rung, made.wanted):
        return None
    run = ledger.get(release.run).decode(Run)
    provenance = digest.of_file(release.folder / PROVENANCE_FILE)
    statement = rebuild_statement(release.manifest.identity, run, rebuild.id, made, provenance)
    record = Attachment(VERSION, release.number, rebuild.id, key.sign(statement).decode(), key.id)
    return ledger.append_once(KIND, release.model, record, key=str(release.number), subject=release.run).decode(
        Attachment
    )


def attachment_of(ledger: Ledger, model: str, number: int) -> Attachment | None:
    """The signed statement that a release's training was found; None where there is none."""
    found = ledger.by_key(KIND, model, str(number))
    return None if found is None else found.decode(Attachment)
