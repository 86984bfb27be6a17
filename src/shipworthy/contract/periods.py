"""Periods by name, and the reference that a contract names: training data, a period of production, or both. Pure."""

from __future__ import annotations

import re

import msgspec

from shipworthy import clock
from shipworthy.contract.rules import Rule

TRAINING = "training"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Period(msgspec.Struct, frozen=True):
    """From `start` to before `end`, ns since 1970, UTC."""

    start: int
    end: int
    words: str


class Compared(msgspec.Struct, frozen=True):
    """What features of production are compared with."""

    training: bool
    period: Period | None


def period(text: str) -> Period:
    """FIRST..LAST, dates or instants; a day that ends a period belongs to it. ValueError for anything else."""
    first, dots, last = (part.strip() for part in text.partition(".."))
    if not dots:
        raise ValueError("expected two dates or instants, FIRST..LAST")
    try:
        start = clock.from_iso(first)
        end = clock.from_iso(last) + (clock.DAY if _DAY.fullmatch(last) else 0)
    except ValueError as error:
        raise ValueError(f"expected two dates or instants, FIRST..LAST ({error})") from None
    if end <= start:
        raise ValueError("expected a period that ends after it has begun")
    return Period(start, end, text.strip())


def compared(reference: str) -> Compared:
    """What `[monitoring] reference` names; ValueError for anything that it cannot."""
    parts = [part.strip() for part in reference.split("+")]
    training = TRAINING in parts
    periods = [period(part) for part in parts if part != TRAINING]
    if len(periods) > 1 or parts.count(TRAINING) > 1:
        raise ValueError("expected one period, and training at most once")
    return Compared(training, periods[0] if periods else None)


def _take(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    compared(value)
    return value.strip()


REFERENCE = Rule('"training", a period such as "2026-01-01..2026-03-31", or "training + " and a period', _take)
