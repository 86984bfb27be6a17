"""Whom to believe: trusted public keys, and opening a signed envelope with them. Imported by serving workers.

A trusted key is a PEM file (SubjectPublicKeyInfo) in the `trusted` folder; its name does not matter. Envelopes are
DSSE: what is signed covers the payload and its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, SSlibKey  # type: ignore[attr-defined]

from shipworthy.errors import NotFound, Refused, Tampered, WrongUse
from shipworthy.lineage.statement import PAYLOAD


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys that are believed, and where they lie (for messages)."""

    keys: tuple[SSlibKey, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope held, and whose key signed it."""

    payload: bytes
    key: str  # id


def trusted_folder(configuration: Path) -> Path:
    """Where a user's trusted keys lie."""
    return configuration / "trusted"


def read_trusted(folder: Path) -> TrustedKeys:
    """Every *.pem of a folder; an absent folder trusts nobody. WrongUse where a file is no Ed25519 public key."""
    paths = sorted(folder.glob("*.pem")) if folder.is_dir() else []
    return TrustedKeys(tuple(_read_public(path) for path in paths), folder)


def read_keys(paths: Sequence[Path]) -> TrustedKeys:
    """The keys in these files, and in the *.pem of these folders. NotFound where that is none, WrongUse as above."""
    found = [sorted(path.glob("*.pem")) if path.is_dir() else [path] for path in paths]
    for path, files in zip(paths, found, strict=True):
        if not files or not files[0].is_file():
            raise NotFound(f"{path}: expected a public key in PEM, or a folder of *.pem files, and there is none")
    return TrustedKeys(tuple(_read_public(file) for files in found for file in files), paths[0])


def key_file(folder: Path, id_: str) -> Path:
    """The file of a folder that holds a key. NotFound."""
    for path in sorted(folder.glob("*.pem")):
        if _read_public(path).keyid == id_:
            return path
    raise NotFound(f"{folder} holds no public key {id_[:16]}")


def open_envelope(content: bytes, trusted: TrustedKeys, what: str) -> Opened:
    """The payload of an envelope that a trusted key has signed. `what` names it in messages.

    Refused where none of its keys is trusted, Tampered where the signature does not fit.
    """
    envelope = _decode(content, what)
    known = {key.keyid: key for key in trusted.keys}
    signers: list[Key] = [known[id_] for id_ in envelope.signatures if id_ in known]
    if not signers:
        raise Refused(_unknown_key(what, envelope.signatures, trusted.folder))
    try:
        accepted = envelope.verify(signers, 1)
    except VerificationError as error:
        raise Tampered(f"{what}: the signature by key {signers[0].keyid[:16]} does not fit its content") from error
    return Opened(envelope.payload, next(iter(accepted)))


def _read_public(path: Path) -> SSlibKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise WrongUse(f"{path} is no public key in PEM: {error}; remove it or put the right file there") from error
    if not isinstance(key, Ed25519PublicKey):
        raise WrongUse(f"{path} holds a {type(key).__name__}, expected an Ed25519 public key")
    return SSlibKey.from_crypto(key)


def _decode(content: bytes, what: str) -> Envelope:
    try:
        fields: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        envelope = Envelope.from_dict(fields)
    except (msgspec.DecodeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise Tampered(f"{what} is not a DSSE envelope: {error}") from error
    if envelope.payload_type != PAYLOAD:
        raise Tampered(f"{what} holds a {envelope.payload_type!r}, expected {PAYLOAD!r}")
    return envelope


def _unknown_key(what: str, signed_by: Iterable[str], folder: Path) -> str:
    ids = ", ".join(id_[:16] for id_ in signed_by) or "nobody"
    return (
        f"{what} is signed by {ids}, whom nobody here trusts; if that is a releaser of yours, copy their public key "
        f"(the .pem file in the `trusted` folder of their configuration) into {folder}"
    )
