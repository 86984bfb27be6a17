"""A release folder held against its signature, file by file, before anything in it is used.

Imported by serving workers: it needs no ledger and no SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from shipworthy import digest
from shipworthy.contract.records import Contract
from shipworthy.errors import NotFound, Refused, Tampered
from shipworthy.models.bundle import read_description
from shipworthy.models.records import BundleDescription
from shipworthy.registry.manifest import (
    CONTRACT_FILE,
    ENVELOPE_FILE,
    MANIFEST_FILE,
    UNLISTED,
    Manifest,
    read_manifest,
)
from shipworthy.registry.trust import TrustedKeys, open_envelope


@dataclass(frozen=True, slots=True)
class VerifiedRelease:
    """A release whose every byte is what its releaser signed."""

    folder: Path
    model: str
    number: int
    run: str  # id
    proven: bool
    unproven_because: tuple[str, ...]
    contract: Contract
    description: BundleDescription
    key: str  # id of the key that signed
    manifest: Manifest
    shadow: bool = False  # it may run beside the live release, and never answer


def verify_release(
    folder: Path, trusted: TrustedKeys, *, model: str | None = None, number: int | None = None
) -> VerifiedRelease:
    """The release in a folder, once its signature, its name and the digest of every file have been found right.

    NotFound without a folder; Refused where it is unsigned or nobody here trusts the key; Tampered naming the file
    that differs, is missing or was added, or where it is not the release asked for.
    """
    manifest, key = _signed_manifest(folder, trusted)
    identity = manifest.identity
    if identity.model != (model or identity.model) or identity.number != (number or identity.number):
        raise Tampered(
            f"{folder} holds {identity.model}@{identity.number}, signed as such, where {model}@{number} should be"
        )
    _compare_files(folder, manifest)
    contract = _read_contract(folder / CONTRACT_FILE)
    if digest.of_file(folder / CONTRACT_FILE) != identity.contract:
        raise Tampered(f"{folder / CONTRACT_FILE} is not the contract {identity.contract[:16]} that was signed")
    return VerifiedRelease(
        folder=folder,
        model=identity.model,
        number=identity.number,
        run=identity.run,
        proven=identity.proven,
        unproven_because=identity.unproven_because,
        contract=contract,
        description=read_description(folder),
        key=key,
        manifest=manifest,
        shadow=identity.shadow,
    )


def _signed_manifest(folder: Path, trusted: TrustedKeys) -> tuple[Manifest, str]:
    if not folder.is_dir():
        raise NotFound(f"there is no release folder {folder}")
    envelope = folder / ENVELOPE_FILE
    if not envelope.is_file():
        raise Refused(f"{folder} holds no {ENVELOPE_FILE}: it is not a signed release, and is not served")
    opened = open_envelope(envelope.read_bytes(), trusted, str(envelope))
    plain = folder / MANIFEST_FILE
    if not plain.is_file() or plain.read_bytes() != opened.payload:
        raise Tampered(f"{plain} is not what was signed in {ENVELOPE_FILE}")
    return read_manifest(opened.payload), opened.key


def _compare_files(folder: Path, manifest: Manifest) -> None:
    present = {_plain(path).relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    for name, recorded in sorted(manifest.files.items()):
        if name not in present:
            raise Tampered(f"{folder / name} is missing from {_name(manifest)}")
        actual = digest.of_file(folder / name)
        if actual != recorded:
            raise Tampered(
                f"{folder / name} was changed after {_name(manifest)} was signed: "
                f"its digest is {actual}, signed was {recorded}"
            )
    added = sorted(present - manifest.files.keys() - set(UNLISTED))
    if added:
        raise Tampered(f"{folder / added[0]} was added after {_name(manifest)} was signed")


def _plain(path: Path) -> Path:
    if path.is_symlink():
        raise Tampered(f"{path} is a link; a release holds its own bytes")
    return path


def _name(manifest: Manifest) -> str:
    return f"{manifest.identity.model}@{manifest.identity.number}"


def _read_contract(path: Path) -> Contract:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Contract)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise Refused(f"{path} cannot be read by this shipworthy, and the release is not served: {error}") from error
