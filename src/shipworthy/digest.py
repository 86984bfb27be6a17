"""SHA-256 digests, always written as 64 hexadecimal characters."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

LENGTH = 64  # hexadecimal characters
_encode = msgspec.json.Encoder(order="deterministic").encode


def of_bytes(content: bytes) -> str:
    """Digest of bytes."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """Digest of a file's bytes, read in a stream."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: the same value gives the same bytes. Takes builtins and msgspec structs."""
    return _encode(value)


def of_value(value: Any) -> str:
    """Digest of a value's canonical JSON."""
    return of_bytes(canonical_json(value))
