"""Retired releases: they stay on record and verify as ever, but answer no more, and what they were built from may go.

A retirement is signed. There is no way back: what vacuum takes is gone.
"""

from __future__ import annotations

import msgspec

from shipworthy.errors import InUse, NotFound, Refused, Tampered, WrongUse
from shipworthy.lineage.statement import Resource, Statement, read_statement
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.names import ALIASES
from shipworthy.registry.records import Release, Retirement
from shipworthy.registry.signing import SigningKey
from shipworthy.registry.trust import TrustedKeys, open_envelope
from shipworthy.store.ledger import Entry, Ledger

KIND = "retirement"
PREDICATE = "urn:shipworthy:retirement:v1"


class Wish(msgspec.Struct, frozen=True):
    """What is signed."""

    model: str
    number: int
    because: str
    by: str


def retire(ledger: Ledger, wish: Wish, key: SigningKey) -> Entry:
    """Sign a retirement and keep it. NotFound without the release; Refused where an alias names it; WrongUse without a
    reason, and where it is retired already.
    """
    if not wish.because.strip():
        raise WrongUse("because is empty: expected the reason, for whoever reads the history")
    entry = ledger.by_key("release", wish.model, str(wish.number))
    if entry is None:
        raise NotFound(f"{wish.model} has no release {wish.number}; nothing was changed")
    envelope = key.sign(_statement(wish, entry.decode(Release))).decode()
    retirement = Retirement(wish.number, wish.because, wish.by, envelope, key.id)
    try:
        with ledger.transaction() as connection:  # nobody makes it live meanwhile: writers take turns
            _refuse_if_named(ledger, wish)
            return ledger.append(
                KIND, wish.model, retirement, subject=entry.id, key=str(wish.number), connection=connection
            )
    except InUse:
        raise WrongUse(f"{wish.model}@{wish.number} is retired already; nothing was changed") from None


def verified(ledger: Ledger, entry: Entry, trusted: TrustedKeys) -> Retirement:
    """A retirement held against its signature. Refused, Tampered."""
    retirement = entry.decode(Retirement)
    opened = open_envelope(retirement.envelope.encode(), trusted, f"the retirement {entry.id}")
    release = ledger.get(entry.subject).decode(Release)
    wish = Wish(entry.model, retirement.number, retirement.because, retirement.by)
    if read_statement(opened.payload, PREDICATE) != _statement(wish, release):
        raise Tampered(f"the retirement {entry.id} says something else than what {retirement.by} signed")
    return retirement


def _statement(wish: Wish, release: Release) -> Statement:
    subject = Resource(name=f"{wish.model}@{wish.number}", digest={"sha256": release.statement})
    return Statement(subject=(subject,), predicate_type=PREDICATE, predicate=msgspec.to_builtins(wish))


def _refuse_if_named(ledger: Ledger, wish: Wish) -> None:
    aliases = Aliases(ledger)
    for alias in ALIASES:
        if aliases.current(wish.model, alias) == wish.number:
            raise Refused(
                f"{wish.model}@{wish.number} is {alias} and is not retired: only one that no alias names can be. "
                "Nothing was changed"
            )
