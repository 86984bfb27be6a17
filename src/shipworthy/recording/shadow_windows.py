"""How a shadow compares, by window, as the ledger counts it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select, update

from shipworthy.recording.comparison import Comparison, add, decode, encode
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import shadow_counts


def add_comparisons(
    connection: Connection, model: str, shadow: int, release: int, source: str, found: Mapping[int, Comparison]
) -> None:
    """Add a batch's comparisons, by window (ns), to those that stand."""
    for window, counts in sorted(found.items()):
        values = {"model": model, "shadow": shadow, "release": release, "source": source, "window": window}
        key = [shadow_counts.c[name] == value for name, value in values.items()]
        standing = connection.execute(select(shadow_counts.c.counts).where(*key)).scalar()
        if standing is None:
            connection.execute(insert(shadow_counts).values(**values, counts=encode(counts)))
        else:
            connection.execute(update(shadow_counts).where(*key).values(counts=encode(add(decode(standing), counts))))


def comparisons(ledger: Ledger, model: str, shadow: int) -> dict[tuple[int, int], Comparison]:
    """By window (ns) and the release that answered, all sources together, oldest first."""
    query = select(shadow_counts).where(shadow_counts.c.model == model, shadow_counts.c.shadow == shadow)
    found: dict[tuple[int, int], Comparison] = {}
    with ledger.reading() as connection:
        for row in connection.execute(query.order_by(shadow_counts.c.window, shadow_counts.c.release)):
            place = (row.window, row.release)
            found[place] = add(found.get(place, Comparison()), decode(row.counts))
    return found
