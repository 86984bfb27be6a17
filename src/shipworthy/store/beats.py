"""When each role last worked: a row a role that it writes while it works, and that stays when it does not.

A lease says who may work now; a beat says that somebody did. Whoever ends in order says that too, so that silence means
a process that was killed, that hangs, or that cannot begin.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import delete, insert, select

from shipworthy import clock
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import leases

LASTS = 5 * clock.MINUTE  # a step of the watch over a large table may take that long
How = Literal["runs", "ended", "once"]


@dataclass(frozen=True, slots=True)
class Beat:
    """The newest sign of a role."""

    role: str
    at: int  # ns since 1970, UTC
    how: How  # runs: until further notice; ended: in order; once: it did what there was to do
    where: str  # host and process

    def silent(self, now: int) -> bool:
        """Whether it should work, and does not."""
        return self.how == "runs" and now > self.at + LASTS


def beat(ledger: Ledger, model: str, role: str, how: How, *, now: int | None = None) -> None:
    """Say that a role has just worked, or has ended."""
    instant, name = clock.now() if now is None else now, f"{_prefix(model)}{role}"
    until = instant + LASTS if how == "runs" else instant
    holder = f"{how}:{instant}:{socket.gethostname()}, process {os.getpid()}"
    with ledger.transaction() as connection:
        connection.execute(delete(leases).where(leases.c.name == name))
        connection.execute(insert(leases).values(name=name, holder=holder, until=until))


def beats(ledger: Ledger, model: str) -> dict[str, Beat]:
    """The newest sign of each role of a model that ever gave one."""
    prefix = _prefix(model)
    query = select(leases.c.name, leases.c.holder).where(leases.c.name.startswith(prefix, autoescape=True))
    with ledger.reading() as connection:
        rows = connection.execute(query).all()
    found = {}
    for name, holder in rows:
        how, at, where = holder.split(":", 2)
        role = name.removeprefix(prefix)
        found[role] = Beat(role, int(at), cast(How, how), where)
    return found


def _prefix(model: str) -> str:
    return f"beat:{model}:"
