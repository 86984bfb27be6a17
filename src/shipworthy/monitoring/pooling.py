"""Slots that hold too few rows of a reference are pooled: hours of the week with those of the other weekdays, hours
with the part of the day, days with the other weekdays or the weekend, and what is still thin with its lightest sibling.

The groups divide the slots among themselves, so that a group's rows are of the same make in the reference and later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.slots import DAYS, HOURS, Season, coarsened

FEWEST_ROWS = 400  # of a group: by its sampling error alone, fewer would hide shifts of a fifth of its rows
_PART = 6  # hours: night, morning, afternoon, evening
_WORKING = 5  # days, the first of the week

Tree = list["Tree"] | int  # a slot, or what its parts are pooled to where they are thin


def groups_of(season: Season, rows: Sequence[int]) -> tuple[int, ...]:
    """(slots,) the group of every slot, numbered from 0 in the order of their first slots; () where one holds all.

    rows: (slots,) of the reference.
    """
    found = _divided(_tree(season, len(rows)), rows)
    if len(found) < 2:
        return ()
    found.sort(key=min)
    of_slot = {slot: number for number, group in enumerate(found) for slot in group}
    return tuple(of_slot[slot] for slot in range(len(rows)))


def of_hours_of_the_week(groups: Sequence[int], season: Season) -> tuple[int, ...]:
    """(168,) the same groups, where rows are counted by the hours of the week."""
    return tuple(groups[coarsened(slot, season)] for slot in range(DAYS * HOURS))


def pooled(counts: NDArray[np.int64], slots: Sequence[int], groups: Sequence[int]) -> NDArray[np.int64]:
    """(groups, bins) counts of some slots, (len(slots), bins), by the groups that they belong to."""
    found = np.zeros((max(groups) + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(found, np.asarray(groups, dtype=np.intp)[np.asarray(slots, dtype=np.intp)], counts)
    return found


def _divided(tree: Tree, rows: Sequence[int]) -> list[list[int]]:
    if isinstance(tree, int):
        return [[tree]]
    thick = [part for part in tree if _held(part, rows) >= FEWEST_ROWS]
    thin = [slot for part in tree if _held(part, rows) < FEWEST_ROWS for slot in _slots(part)]
    found = [group for part in thick for group in _divided(part, rows)]
    if not thin:
        return found
    if not found or sum(rows[slot] for slot in thin) >= FEWEST_ROWS:
        return [*found, thin]
    lightest = min(found, key=lambda group: (sum(rows[slot] for slot in group), min(group)))
    lightest.extend(thin)
    return found


def _held(tree: Tree, rows: Sequence[int]) -> int:
    return sum(rows[slot] for slot in _slots(tree))


def _slots(tree: Tree) -> list[int]:
    return [tree] if isinstance(tree, int) else [slot for part in tree for slot in _slots(part)]


def _tree(season: Season, size: int) -> Tree:
    if season == "hour-of-day":
        return _by_part(list(range(HOURS)))
    if season == "day-of-week":
        return [list(range(_WORKING)), list(range(_WORKING, DAYS))]
    if season == "hour-of-week":
        return [_hours_of(range(_WORKING)), _hours_of(range(_WORKING, DAYS))]
    return list(range(size))


def _hours_of(days: range) -> Tree:
    """Each hour of some days, then the same hour of all of them."""
    return _by_part([[day * HOURS + hour for day in days] for hour in range(HOURS)])


def _by_part(hours: Sequence[Tree]) -> Tree:
    return [list(hours[first : first + _PART]) for first in range(0, HOURS, _PART)]
