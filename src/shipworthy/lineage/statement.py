"""in-toto statements: who says what about which bytes. Signed as DSSE, they can be checked without shipworthy.

Formats: in-toto Statement v1 (https://in-toto.io/Statement/v1) and its ResourceDescriptor; the predicates are the
business of those who write them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from shipworthy import digest
from shipworthy.errors import Tampered
from shipworthy.store.objects import File

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
VERIFICATION = "https://slsa.dev/verification_summary/v1"
MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
PAYLOAD = "application/vnd.in-toto+json"  # payloadType of the DSSE envelope


class Resource(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """in-toto's ResourceDescriptor, as far as it is used here."""

    name: str = ""
    uri: str = ""
    digest: dict[str, str] = {}  # algorithm -> hexadecimal
    annotations: dict[str, Any] = {}


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A predicate about subjects."""

    type: str = msgspec.field(default=STATEMENT, name="_type")
    subject: tuple[Resource, ...]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: dict[str, Any]

    def encode(self) -> bytes:
        """The payload that is signed: canonical JSON."""
        return digest.canonical_json(self)


def read_statement(payload: bytes, predicate_type: str) -> Statement:
    """A payload as a statement of one kind. Tampered where it is something else."""
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except msgspec.DecodeError as error:
        raise Tampered(f"the signed payload is not an in-toto statement: {error}") from error
    if statement.type != STATEMENT or statement.predicate_type != predicate_type:
        raise Tampered(
            f"the signed payload is a {statement.predicate_type!r} of type {statement.type!r}, "
            f"expected a {predicate_type!r} of type {STATEMENT!r}"
        )
    return statement


def of_file(file: File) -> Resource:
    """A file as a subject."""
    return Resource(name=file.path, digest={"sha256": file.digest})
