"""A release's manifest: every file that a server may read, by digest, in the form of OpenSSF model signing.

The signed statement is what counts (`manifest.dsse.json`); `manifest.json` is the same, for people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from shipworthy.errors import Tampered
from shipworthy.lineage.statement import MODEL_SIGNATURE, Resource, Statement, read_statement
from shipworthy.store.objects import File

CONTRACT_FILE = "contract.json"
REFERENCE_FILE = "reference.json"
PROVENANCE_FILE = "provenance.dsse.json"
REBUILD_FILE = "rebuild.dsse.json"
MADE_RUN_FILE = "made/run.dsse.json"  # signed when the run was made; absent where it is older than such statements
MADE_REBUILD_FILE = "made/rebuild.dsse.json"  # likewise, of the rebuild
MANIFEST_FILE = "manifest.json"
ENVELOPE_FILE = "manifest.dsse.json"
ATTACHED_FILE = "attached.dsse.json"  # signed later: that the training of an adopted model was found
# A manifest cannot hold its own digest, nor what was found out after it was signed.
UNLISTED = (MANIFEST_FILE, ENVELOPE_FILE, ATTACHED_FILE)

_SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}


class Identity(msgspec.Struct, frozen=True):
    """Which release a manifest is of."""

    version: int  # of this format: 1
    model: str
    number: int
    run: str  # id
    contract: str  # digest
    proven: bool
    unproven_because: tuple[str, ...]  # in plain words; empty where it is proven
    at: int  # ns since 1970, UTC
    shadow: bool = False  # checks stand open: it may run beside the live release, and never answer


class Manifest(msgspec.Struct, frozen=True):
    """Which release, and its files: path -> SHA-256."""

    identity: Identity
    files: dict[str, str]


def manifest_statement(identity: Identity, files: Iterable[File]) -> Statement:
    """The statement that is signed."""
    listed = sorted((file for file in files if file.path not in UNLISTED), key=lambda file: file.path)
    resources = [{"name": file.path, "algorithm": "sha256", "digest": file.digest} for file in listed]
    root = hashlib.sha256(b"".join(bytes.fromhex(file.digest) for file in listed)).hexdigest()
    return Statement(
        subject=(Resource(name=f"{identity.model}@{identity.number}", digest={"sha256": root}),),
        predicate_type=MODEL_SIGNATURE,
        predicate={
            "serialization": _SERIALIZATION,
            "resources": resources,
            "release": msgspec.to_builtins(identity),
        },
    )


def read_manifest(payload: bytes) -> Manifest:
    """The manifest in a signed payload. Tampered where it is none."""
    statement = read_statement(payload, MODEL_SIGNATURE)
    try:
        predicate = msgspec.convert(statement.predicate, type=_Predicate)
    except msgspec.ValidationError as error:
        raise Tampered(f"the signed manifest is not one of a release: {error}") from error
    return Manifest(predicate.release, {resource.name: resource.digest for resource in predicate.resources})


class _Listed(msgspec.Struct, frozen=True):
    name: str
    digest: str


class _Predicate(msgspec.Struct, frozen=True):
    resources: tuple[_Listed, ...]
    release: Identity
