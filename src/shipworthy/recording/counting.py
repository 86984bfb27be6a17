"""Counting a batch into the windows, and saying how far event time has come.

Windows close by event time, so that is said only once everything that was logged meanwhile is counted: one source may
be recorded some seconds before another, which in a replay can be days of event time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sqlalchemy import Connection, func, insert, select, update

from shipworthy.counts.reference import Reference
from shipworthy.counts.windows import (
    Counts,
    add,
    count_by_window,
    decode,
    encode,
    first_open,
    latencies,
    place,
    refusals,
)
from shipworthy.predictions.frames import Frame
from shipworthy.recording.times import Times
from shipworthy.store.tables import progress, window_counts


def read_newest(connection: Connection, model: str) -> int | None:
    """How far event time has come (ns), by which windows close; None before the first row.

    Locked where the database has row locks, so that nobody closes a window while it is counted into.
    """
    query = select(progress.c.newest).where(progress.c.model == model).with_for_update()
    return max(connection.execute(query).scalars(), default=None)


def counted_until(connection: Connection, model: str) -> dict[str, int]:
    """The start of the newest window that each source was counted into: event time had come at least as far."""
    query = select(window_counts.c.source, func.max(window_counts.c.window).label("newest"))
    query = query.where(window_counts.c.model == model).group_by(window_counts.c.source)
    return {row.source: row.newest for row in connection.execute(query)}


def publish(connection: Connection, model: str, newest: Mapping[str, int]) -> None:
    """Move the progress of sources on to their newest event times (ns); it never goes back."""
    for source, time in sorted(newest.items()):
        key = (progress.c.model == model, progress.c.source == source)
        known = connection.execute(select(progress.c.newest).where(*key)).scalar()
        if known is None:
            connection.execute(insert(progress).values(model=model, source=source, newest=time))
        elif time > known:
            connection.execute(update(progress).where(*key).values(newest=time))


def counts_of(
    frame: Frame,
    times: Times,
    arrived: int,
    reference: Reference,
    newest: int | None,
    lateness: int,
    *,
    promised: int | None = None,
) -> dict[int, Counts]:
    """A frame's counts by window. Rows whose window has closed go into the first open one, and count as late there.

    Refused requests have no event time that can be trusted: they count with the newest rows, or where there never were
    any by `arrived`, when the newest request came. So do the times that requests took, against the `promised` one (ns),
    where one is.
    """
    open_from = None if newest is None else first_open(newest, reference.window, lateness)
    at = times.counted_at(newest)
    found: dict[int, Counts] = {}
    if frame.rows:
        windows, late = place(at, reference.window, open_from)
        flags = [*frame.flags]
        flags += [(int(row), frame.header.event_time or "") for row in np.flatnonzero(times.ahead)]
        found = count_by_window(reference, windows, frame.columns, frame.values, times=at, late=late, flags=flags)
    untimed = [refusals(reference, frame.refused)] if frame.refused else []
    if promised is not None and len(frame.took):
        untimed.append(latencies(reference, len(frame.took), int((frame.took > promised).sum())))
    last = max([time for time in (times.newest, newest) if time is not None], default=arrived)
    start = last - last % reference.window
    for counted in untimed:
        found[start] = add(found[start], counted) if start in found else counted
    return found


def add_counts(connection: Connection, model: str, release: int, source: str, counts: dict[int, Counts]) -> None:
    """Add counts to those that stand."""
    for window, counted in sorted(counts.items()):
        key = (
            window_counts.c.model == model,
            window_counts.c.release == release,
            window_counts.c.source == source,
            window_counts.c.window == window,
        )
        standing = connection.execute(select(window_counts.c.counts).where(*key)).scalar()
        if standing is None:
            row = {"model": model, "release": release, "source": source, "window": window}
            values = row | {"rows": counted.rows, "counts": encode(counted)}
            connection.execute(insert(window_counts).values(values))
        else:
            total = add(decode(standing), counted)
            connection.execute(update(window_counts).where(*key).values(rows=total.rows, counts=encode(total)))
