"""Counts by the groups of slots that each payoff is told apart by, and the reference as such a window sees it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from shipworthy.counts.reference import Payoff, Reference, Regime, keyed_by
from shipworthy.counts.slots import DAYS, HOURS, Slots, coarsened
from shipworthy.counts.windows import Counts
from shipworthy.monitoring.gathering import Table
from shipworthy.monitoring.pooling import pooled


def by_group(reference: Reference, counts: Counts) -> list[Table]:
    """Rows in every bin, one array a payoff: (bins,), or (groups, bins) where its regime tells slots apart."""
    tables: list[Table] = list(counts.of_payoffs(reference))
    if not any(regime.groups for regime in reference.regimes):
        return tables
    slots, by_slot = counts.slots_of_payoffs(reference)
    for index, regime in enumerate(reference.regimes):
        if regime.groups:
            tables[index] = pooled(by_slot[index], slots, regime.groups)
    return tables


def as_seen(reference: Reference, counts: Counts) -> Reference:
    """The reference with its groups weighed as the counts' rows are.

    It is what an unmoved world would have given at these hours: shares of it are what shares of the counts are held to.
    """
    if not counts.rows or not any(regime.groups for regime in reference.regimes):
        return reference
    tables = by_group(reference, counts)
    payoffs = tuple(
        _weighed(payoff, table) if regime.groups else payoff
        for payoff, regime, table in zip(reference.payoffs, reference.regimes, tables, strict=True)
    )
    return msgspec.structs.replace(reference, payoffs=payoffs)


def compact(reference: Reference) -> Reference:
    """A settled reference without what it was settled by, and with no more slots to count by than its regimes need."""
    payoffs = tuple(msgspec.structs.replace(payoff, by_cell=b"") for payoff in reference.payoffs)
    history = msgspec.structs.replace(reference.history, cells=())
    holdout = msgspec.structs.replace(reference.holdout, cells=())
    bare = msgspec.structs.replace(reference, payoffs=payoffs, history=history, holdout=holdout)
    slots = reference.slots
    seasons = {regime.season for regime in reference.regimes if regime.groups}
    if slots is None or not seasons:
        return keyed_by(bare, None) if slots is not None else bare
    if len(seasons) > 1 or slots.season in seasons or slots.season != "hour-of-week":
        return bare
    return _coarser(bare, slots)


def _coarser(reference: Reference, slots: Slots) -> Reference:
    """One season for all that are told apart, instead of the hours of the week."""
    [season] = {regime.season for regime in reference.regimes if regime.season is not None and regime.groups}
    by_day = np.array(slots.rows).reshape(DAYS, HOURS)
    rows = by_day.sum(axis=0) if season == "hour-of-day" else by_day.sum(axis=1)
    regimes = tuple(
        msgspec.structs.replace(regime, groups=tuple(_of_slots(regime, len(rows)))) if regime.groups else regime
        for regime in reference.regimes
    )
    narrowed = keyed_by(reference, Slots(season, tuple(rows.tolist()), zone=slots.zone))
    return msgspec.structs.replace(narrowed, regimes=regimes)


def _of_slots(regime: Regime, size: int) -> Sequence[int]:
    found = [0] * size
    for hour, group in enumerate(regime.groups):
        if regime.season is not None:
            found[coarsened(hour, regime.season)] = group
    return found


def _weighed(payoff: Payoff, table: Table) -> Payoff:
    """Of as many rows as before, to the next whole one: nobody counted them, they are what is expected."""
    groups = np.array(payoff.by_group, dtype=np.float64)
    shares = groups / np.maximum(groups.sum(axis=1, keepdims=True), 1.0)
    expected = table.sum(axis=1) @ shares / table.sum() * payoff.rows
    return msgspec.structs.replace(payoff, counts=tuple(np.rint(expected).astype(np.int64).tolist()))
