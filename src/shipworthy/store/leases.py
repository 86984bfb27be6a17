"""Leases: one process at a time does a thing, and when it dies another may after a while.

A lease keeps two holders from working at the same time as long as clocks agree and nobody sleeps past its end, so it
saves work; what must be exactly once is held by unique keys besides.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from shipworthy import clock
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import leases


class Leases:
    """Leases by name, kept in the ledger's database. Durations and instants in nanoseconds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def acquire(self, name: str, holder: str, ttl: int, *, now: int | None = None) -> bool:
        """Take a lease that is free, run out, or already `holder`'s. `holder` is unique to one process."""
        instant = clock.now() if now is None else now
        takeable = or_(leases.c.until <= instant, leases.c.holder == holder)
        taking = update(leases).where(leases.c.name == name, takeable).values(holder=holder, until=instant + ttl)
        try:
            with self._ledger.transaction() as connection:
                if connection.execute(taking).rowcount == 1:
                    return True
                connection.execute(insert(leases).values(name=name, holder=holder, until=instant + ttl))
                return True
        except IntegrityError:  # it is there, and somebody else's
            return False

    def renew(self, name: str, holder: str, ttl: int, *, now: int | None = None) -> bool:
        """Keep a lease for longer. False: it was lost, and the work under it has to stop."""
        instant = clock.now() if now is None else now
        held = (leases.c.name == name, leases.c.holder == holder)
        with self._ledger.transaction() as connection:
            return connection.execute(update(leases).where(*held).values(until=instant + ttl)).rowcount == 1

    def release(self, name: str, holder: str) -> None:
        """Give a lease back; nothing happens where it is not `holder`'s any more."""
        with self._ledger.transaction() as connection:
            connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))

    def holder(self, name: str, *, now: int | None = None) -> str | None:
        """Who holds a lease; None where it is free or has run out."""
        instant = clock.now() if now is None else now
        query = select(leases.c.holder).where(leases.c.name == name, leases.c.until > instant)
        with self._ledger.reading() as connection:
            return connection.execute(query).scalar()
