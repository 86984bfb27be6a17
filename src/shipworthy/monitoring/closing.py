"""Closed windows as recording left them. A window closes at the watermark: newest event time less lateness."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from sqlalchemy import func, select

from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import Counts, add, decode, first_open
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import progress, window_counts


def newest_event_time(ledger: Ledger, model: str) -> int | None:
    """How far the model's own time has come, ns since 1970, UTC: the newest over all sources; None before anything."""
    with ledger.reading() as connection:
        return connection.execute(select(func.max(progress.c.newest)).where(progress.c.model == model)).scalar()


def releases(ledger: Ledger, model: str) -> list[int]:
    """Releases that have answered, oldest first."""
    query = select(window_counts.c.release).where(window_counts.c.model == model).distinct()
    with ledger.reading() as connection:
        return sorted(connection.execute(query).scalars())


def closed_windows(
    ledger: Ledger, model: str, release: int, reference: Reference, newest: int, lateness: int, after: int | None
) -> list[tuple[int, Counts]]:
    """Starts and counts, all sources together, of a release's closed windows later than `after`, oldest first."""
    query = select(window_counts.c.window, window_counts.c.source, window_counts.c.counts).where(
        window_counts.c.model == model,
        window_counts.c.release == release,
        window_counts.c.window < first_open(newest, reference.window, lateness),
    )
    if after is not None:
        query = query.where(window_counts.c.window > after)
    with ledger.reading() as connection:
        rows = connection.execute(query.order_by(window_counts.c.window, window_counts.c.source)).all()
    return [(start, _together(row.counts for row in same)) for start, same in groupby(rows, key=lambda row: row.window)]


def open_windows(ledger: Ledger, model: str, release: int, begin: int) -> list[int]:
    """Starts of a release's windows from `begin` on, where the first one stands that is not closed."""
    counted, of = window_counts.c, (window_counts.c.model == model, window_counts.c.release == release)
    query = select(counted.window).where(*of, counted.window >= begin).distinct().order_by(counted.window)
    with ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def _together(parts: Iterable[bytes]) -> Counts:
    first, *others = (decode(part) for part in parts)
    for other in others:
        first = add(first, other)
    return first
