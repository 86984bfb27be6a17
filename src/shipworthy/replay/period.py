"""Which rows are the reference: a period of the log, its first days, or a table of its own. Pure."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shipworthy import clock
from shipworthy.contract.periods import Period, period
from shipworthy.errors import WrongUse

_FORMS = "2013-01-01..2013-03-31, the first days of the log as in 90d, or a Parquet file or delta: table of its own"


class First(msgspec.Struct, frozen=True):
    """The first `length` ns of the log."""

    length: int
    words: str


class Sample(msgspec.Struct, frozen=True):
    """Rows of another table."""

    location: str


Wanted = Period | First | Sample


def parse(text: str) -> Wanted:
    """What `--reference` names; WrongUse for anything else. A day that ends a period belongs to it."""
    if ".." in text and not text.startswith("."):
        return _period(text)
    try:
        length = clock.duration(text)
    except ValueError:
        if text.startswith(("delta:", "file:")) or Path(text).exists():
            return Sample(text)
        raise WrongUse(f"--reference {text}: expected a period such as {_FORMS}; there is no such file") from None
    if not length:
        raise WrongUse(f"--reference {text}: expected more than no time")
    return First(length, f"the first {text}")


def resolved(wanted: Period | First, first: int, window: int) -> Period:
    """The period in a log whose oldest row is at `first`; the first days begin with its window."""
    if isinstance(wanted, Period):
        return wanted
    start = first - first % window
    return Period(start, start + wanted.length, wanted.words)


def _period(text: str) -> Period:
    try:
        return period(text)
    except ValueError as error:
        raise WrongUse(f"--reference {text}: {error}") from None
