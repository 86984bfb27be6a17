"""Waivers: a person lets a check pass for a time. Signed, verified at every use, and loud when they run out."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import msgspec

from shipworthy import clock, digest
from shipworthy.errors import Refused, Tampered, WrongUse
from shipworthy.gate.decision import CHECKS
from shipworthy.lineage.statement import Resource, Statement, read_statement
from shipworthy.registry.records import Waiver
from shipworthy.registry.signing import SigningKey
from shipworthy.registry.trust import TrustedKeys, open_envelope
from shipworthy.store.ledger import Entry, Ledger

KIND = "waiver"
PREDICATE = "urn:shipworthy:waiver:v1"


class Wish(msgspec.Struct, frozen=True):
    """What is signed."""

    model: str
    check: str
    until: int  # ns since 1970, UTC
    because: str
    by: str


@dataclass(frozen=True, slots=True)
class Waivers:
    """A model's waivers, by check: of several for one check the newest counts."""

    standing: dict[str, Waiver]
    expired: dict[str, Waiver]
    unknown: tuple[str, ...] = ()  # those that nobody here trusts and that let nothing pass: why, a sentence each


def write_waiver(ledger: Ledger, wish: Wish, key: SigningKey, *, at: int | None = None) -> Entry:
    """Sign a waiver and keep it. WrongUse for an unknown check, a time that has passed, or no reason."""
    instant = clock.now() if at is None else at
    _refuse_unless_sensible(wish, instant)
    envelope = key.sign(_statement(wish)).decode()
    waiver = Waiver(wish.check, wish.until, wish.because, wish.by, envelope)
    return ledger.append(KIND, wish.model, waiver, at=instant)


def waivers(ledger: Ledger, model: str, trusted: TrustedKeys, *, now: int | None = None) -> Waivers:
    """A model's waivers, each held against its signature.

    Where nobody here trusts the key of one, it counts as not written, and is named. Tampered where one says something
    else than what was signed.
    """
    instant = clock.now() if now is None else now
    newest: dict[str, Waiver] = {}
    unknown: list[str] = []
    for entry in reversed(ledger.entries(KIND, model)):
        try:
            waiver = _verified(entry, trusted)
        except Tampered:
            raise
        except Refused as stranger:
            unknown.append(str(stranger))
        else:
            newest[waiver.check] = waiver
    return Waivers(
        standing={check: waiver for check, waiver in newest.items() if waiver.until > instant},
        expired={check: waiver for check, waiver in newest.items() if waiver.until <= instant},
        unknown=tuple(unknown),
    )


def _statement(wish: Wish) -> Statement:
    subject = Resource(name=f"{wish.model}: {wish.check}", digest={"sha256": digest.of_value([wish.model, wish.check])})
    return Statement(subject=(subject,), predicate_type=PREDICATE, predicate=msgspec.to_builtins(wish))


def _verified(entry: Entry, trusted: TrustedKeys) -> Waiver:
    waiver = entry.decode(Waiver)
    opened = open_envelope(waiver.envelope.encode(), trusted, f"the waiver {entry.id}")
    recorded = Wish(entry.model, waiver.check, waiver.until, waiver.because, waiver.by)
    if read_statement(opened.payload, PREDICATE) != _statement(recorded):
        raise Tampered(f"the waiver {entry.id} says something else than what {waiver.by} signed")
    return waiver


def _refuse_unless_sensible(wish: Wish, instant: int) -> None:
    if wish.check not in CHECKS:
        near = difflib.get_close_matches(wish.check, CHECKS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise WrongUse(f"there is no check {wish.check!r}: expected one of {', '.join(CHECKS)}{hint}")
    if wish.until <= instant:
        raise WrongUse(f"until = {clock.to_iso(wish.until)} has passed: expected a time in the future")
    if not wish.because.strip():
        raise WrongUse("because is empty: expected the reason, for whoever reads the evidence")
