"""How long predictions are kept: by age and by size, as the contract says, and what was removed is written down first.

Never removed is a row whose window is open, or has closed with evidence of it still to be weighed. Labels that come
after a row has gone find nothing; `keep` has to be longer than they take. `label_keeping` says when they go themselves.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from sqlalchemy import func, select

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.counts.windows import first_open
from shipworthy.predictions.ids import PredictionId
from shipworthy.recording.table import PredictionTable
from shipworthy.store.ledger import Ledger
from shipworthy.store.tables import batches, progress, window_counts

KIND = "retention"


class Removal(msgspec.Struct, frozen=True):
    """Ledger kind "retention", key "<table>:<before>": rows that were about to go, written before they went."""

    version: int  # 1
    table: str  # "predictions", "shadow-N", or "labels" that came by HTTP, and name no prediction that is kept
    before: int  # rows that arrived before this instant, ns,
    windows: int  # of windows that begin before this one, ns
    rows: int
    because: Literal["age", "size"]
    rule: str  # as in the contract: "keep = 400d"


def retain(
    table: PredictionTable, name: str, ledger: Ledger, contract: Contract, *, now: int | None = None
) -> list[Removal]:
    """Remove what the contract does not keep any longer; returns what went. `name` is the table's in the ledger."""
    recording, model = contract.recording, contract.name
    protected = first_kept(ledger, contract)
    if protected is None or (recording.keep is None and recording.max_size is None):
        return []
    instant = clock.now() if now is None else now
    wishes: list[tuple[int | None, Literal["age", "size"], str]] = []
    if recording.keep is not None:
        wishes.append((instant - recording.keep, "age", f"keep = {clock.spoken(recording.keep)}"))
    if recording.max_size is not None:
        wishes.append((table.oldest_beyond(recording.max_size), "size", f"max_size = {recording.max_size:,} bytes"))
    done = []
    for before, because, rule in wishes:
        rows = table.count_before(before, protected) if before is not None else 0
        if before is not None and rows:
            removal = Removal(1, name, before, protected, rows, because, rule)
            note(ledger, model, removal)
            table.remove_before(before, protected)
            done.append(removal)
    return done


def note(ledger: Ledger, model: str, removal: Removal) -> None:
    """Write down what is about to go; once, however often it is begun."""
    ledger.append_once(KIND, model, removal, key=f"{removal.table}:{removal.before}")


def first_kept(ledger: Ledger, contract: Contract) -> int | None:
    """Start (ns) of the first window whose rows somebody still needs; None before anything is known.

    Those are the open ones, and the closed ones that the watch has not weighed: each release's windows after its
    newest evidence, where it has any, as a release without a reference is never weighed.
    """
    model, monitoring = contract.name, contract.monitoring
    with ledger.reading() as connection:
        newest = connection.execute(select(func.max(progress.c.newest)).where(progress.c.model == model)).scalar()
        counted = select(window_counts.c.release, func.max(window_counts.c.window).label("newest"))
        last = connection.execute(counted.where(window_counts.c.model == model).group_by(window_counts.c.release)).all()
    if newest is None:
        return None
    opened = first_open(newest, monitoring.window, monitoring.lateness)
    waiting = [opened]
    for release, window in last:
        weighed = ledger.newest("evidence", model, subject=str(release))
        after = -1 if weighed is None else int(str(weighed.key).rpartition(":")[2])
        if after < window:
            waiting.append(_first_after(ledger, model, release, after))
    return min(waiting)


def removed(ledger: Ledger, model: str, id_: PredictionId) -> str | None:
    """What became of a prediction that stands neither in the log nor in the table; None where it was never made."""
    query = select(batches.c.number).where(
        batches.c.model == model,
        batches.c.source == id_.source,
        batches.c.segment == id_.segment,
        batches.c.start <= id_.offset,
        batches.c.end > id_.offset,
        batches.c.done == 1,
    )
    with ledger.reading() as connection:
        if connection.execute(query).first() is None:
            return None
    newest = next(
        (entry for entry in ledger.entries(KIND, model) if entry.decode(Removal).table == "predictions"), None
    )
    if newest is None:
        return "it was recorded, and its row is not in the table of predictions any more; nothing says who removed it"
    removal = newest.decode(Removal)
    return (
        f"it was recorded, and its row was removed by {clock.to_iso(newest.at)[:19]}Z at the latest: "
        f"[recording] {removal.rule}"
    )


def _first_after(ledger: Ledger, model: str, release: int, after: int) -> int:
    query = select(func.min(window_counts.c.window)).where(
        window_counts.c.model == model, window_counts.c.release == release, window_counts.c.window > after
    )
    with ledger.reading() as connection:
        return int(connection.execute(query).scalar_one())
