"""The signing key: Ed25519, made at the first signature, readable by its owner alone. Servers never hold it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from shipworthy import digest
from shipworthy.errors import Refused, WrongUse
from shipworthy.lineage.statement import PAYLOAD, Statement
from shipworthy.registry.trust import trusted_folder

FILE = "key.pem"  # PKCS #8


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that signs statements."""

    _signer: CryptoSigner

    @property
    def id(self) -> str:
        """The key's id: 64 hexadecimal characters that depend on the public key alone."""
        return self._signer.public_key.keyid

    def sign(self, statement: Statement) -> bytes:
        """A DSSE envelope around a statement, as JSON."""
        envelope = Envelope(statement.encode(), PAYLOAD, {})
        envelope.sign(self._signer)
        return digest.canonical_json(envelope.to_dict())


def signing_key(configuration: Path) -> SigningKey:
    """The user's key; made, and its public half trusted on this machine, where there is none yet.

    Refused where others may read the file, WrongUse where it holds no Ed25519 key, or can be neither made nor read.
    """
    path = configuration / FILE
    try:
        if not path.exists():
            _create(path)
        return _read(path)
    except OSError as error:
        raise WrongUse(
            f"{path}, the signing key, can be neither read nor made: {error.strerror or error}; runs, rebuilds and "
            "releases are signed: set SHIPWORTHY_CONFIG to a folder that you may write to"
        ) from error


def _create(path: Path) -> None:
    """Of two that start at once, one key stays. The public half is written first: a key is never left untrusted."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    signer = CryptoSigner(key)
    public = trusted_folder(path.parent) / f"{signer.public_key.keyid[:16]}.pem"
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    growing = path.with_name(f".{path.name}.{signer.public_key.keyid[:16]}")
    descriptor = os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(signer.private_bytes)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(growing, path)
    except FileExistsError:
        public.unlink()
    finally:
        growing.unlink()


def _read(path: Path) -> SigningKey:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise Refused(
            f"{path}, the signing key, may be read by others (mode {path.stat().st_mode & 0o777:o}); chmod 600 it"
        )
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise WrongUse(f"{path} is no private key in PEM without a password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise WrongUse(f"{path} holds a {type(key).__name__}, expected an Ed25519 private key")
    return SigningKey(CryptoSigner(key))
