"""Which releases are retired: what aliases, retention and pages ask."""

from __future__ import annotations

from shipworthy.registry.records import Retirement
from shipworthy.store.ledger import Ledger

KIND = "retirement"


def retirement_of(ledger: Ledger, model: str, number: int) -> Retirement | None:
    """How a release was retired; None where it is not."""
    entry = ledger.by_key(KIND, model, str(number))
    return None if entry is None else entry.decode(Retirement)


def retired(ledger: Ledger, model: str | None = None) -> frozenset[tuple[str, int]]:
    """Every retired release, of one model or of all: (model, number)."""
    return frozenset((entry.model, entry.decode(Retirement).number) for entry in ledger.entries(KIND, model))
