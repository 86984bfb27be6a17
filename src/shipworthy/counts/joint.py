"""Pairs of features, counted together in a few coarse cells: what moves when neither of the two moves alone.

Each feature is cut at the quarters of the reference, or into its three commonest categories and the rest, so that a
pair has about sixteen cells. The pairs that depend on each other most are taken, because how those go together is what
a model has learnt; for want of more, all of them. A pair is one more thing that is watched, by whole numbers that add
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.bins import BLOCK, Bins, Codes, finder
from shipworthy.models.records import Columns

QUARTERS = (0.25, 0.5, 0.75)
CATEGORIES = 3
_OF_ITS_OWN = 0.01  # share of the reference from which on null is a group
_EACH = 2  # pairs that one feature is in, while there are others
_FEW, _ROWS, _ROWS_OF_MANY = 100, 20_000, 2_000  # features, and rows that are looked at to choose among them


class Side(msgspec.Struct, frozen=True):
    """One feature of a pair, in coarse groups."""

    column: int  # index among the contract's features
    bins: Bins
    groups: tuple[int, ...]  # of every bin
    words: tuple[str, ...]  # one a group

    def place(self, values: NDArray[np.generic]) -> Codes:
        """(n,) group of every value."""
        find = finder(self.bins)
        group_of = np.array(self.groups, dtype=np.uint8)[find.codes]
        found = np.empty(len(values), dtype=np.uint8)
        for start in range(0, len(values), BLOCK):
            np.take(group_of, find(values[start : start + BLOCK]), out=found[start : start + BLOCK], mode="clip")
        return found


class Pair(msgspec.Struct, frozen=True):
    """Two features; a cell is the group of the one times the number of groups of the other, plus the other's."""

    one: Side
    other: Side

    def place(self, one: NDArray[np.generic], other: NDArray[np.generic]) -> Codes:
        """(n,) cell of every row."""
        return self.one.place(one) * np.uint8(len(self.other.words)) + self.other.place(other)

    def of(self, columns: Columns) -> Codes:
        """(n,) cell of every row. columns: of all features."""
        return self.place(columns[self.one.column], columns[self.other.column])


def bins_of(pair: Pair, names: Sequence[str]) -> Bins:
    """The cells of a pair; the last bin, null, stays empty. names: of all features."""
    one, other = names[pair.one.column], names[pair.other.column]
    labels = [f"{one} {here}, {other} {there}" for here in pair.one.words for there in pair.other.words]
    return Bins("code", (), (), (), (), 0, (*labels, "null"))


def side(column: int, bins: Bins, counts: Sequence[int]) -> Side:
    """A feature in coarse groups. bins, counts: as it is watched alone, of the reference."""
    if bins.kind == "number":
        coarse, words = _of_numbers(bins, counts)
    elif bins.kind == "category":
        coarse, words = _of_categories(bins, counts)
    else:
        coarse, words = bins, ["false", "true"]
    rest = len(words) - 1
    groups = [min(group, rest) for group in range(coarse.size)]
    if counts[-1] >= _OF_ITS_OWN * max(1, sum(counts)):
        groups[-1], words = len(words), [*words, "null"]
    return Side(column, coarse, tuple(groups), tuple(words))


def strongest(sides: Sequence[Side], columns: Columns, wanted: int) -> list[Pair]:
    """The pairs whose cells are furthest from what they would be if the two did not depend on each other."""
    told = [one for one in sides if len(one.words) > 1]
    if len(told) < 2 or not wanted:
        return []
    apart = _dependence(told, columns)
    ranked = sorted(combinations(range(len(told)), 2), key=lambda pair: (-apart[pair], pair))
    return [Pair(told[one], told[other]) for one, other in sorted(_spread(ranked, wanted))]


def _spread(ranked: Sequence[tuple[int, int]], wanted: int) -> list[tuple[int, int]]:
    """The first pairs, no feature in more than _EACH of them while there are others."""
    used: dict[int, int] = {}
    chosen: list[tuple[int, int]] = []
    for pair in ranked:
        if len(chosen) < wanted and all(used.get(one, 0) < _EACH for one in pair):
            chosen.append(pair)
            used |= {one: used.get(one, 0) + 1 for one in pair}
    others = [pair for pair in ranked if pair not in set(chosen)] if len(chosen) < wanted else []
    return [*chosen, *others[: wanted - len(chosen)]]


def _dependence(sides: Sequence[Side], columns: Columns) -> NDArray[np.float64]:
    """(sides, sides) total variation between the cells of each pair and the product of its groups' shares."""
    rows = len(columns[0])
    most = _ROWS if len(sides) <= _FEW else _ROWS_OF_MANY
    picked = np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))
    groups = max(len(one.words) for one in sides)
    sampled = [column[picked] for column in columns]
    flat = np.zeros((len(picked), len(sides), groups), dtype=np.float32)
    for index, one in enumerate(sides):
        flat[np.arange(len(picked)), index, one.place(sampled[one.column])] = 1
    table = flat.reshape(len(picked), -1)
    together = (table.T @ table).astype(np.float64) / len(picked)  # whole numbers below 2**24: exact in any order
    alone = table.sum(axis=0).astype(np.float64) / len(picked)
    apart = np.abs(together - np.outer(alone, alone)).reshape(len(sides), groups, len(sides), groups)
    found: NDArray[np.float64] = apart.sum(axis=(1, 3)) / 2
    return found


def _of_numbers(bins: Bins, counts: Sequence[int]) -> tuple[Bins, list[str]]:
    held = np.array(counts[: bins.ordered], dtype=np.float64)
    if held.sum() == 0:
        return Bins("number", (), (0,), (), (), 1, ("any number", "null")), ["any number"]
    share = held.cumsum() / held.sum()
    codes = np.array(bins.codes)
    edges: list[float] = []
    for quarter in QUARTERS:
        last = int(np.searchsorted(share, quarter - 1e-9))
        after = np.flatnonzero((codes > last) & (codes < bins.ordered))
        if share[last] < 1 and len(after) and bins.edges[after[0] - 1] not in edges:
            edges.append(bins.edges[int(after[0]) - 1])
    if not edges:
        return Bins("number", (), (0,), (), (), 1, ("any number", "null")), ["any number"]
    inner = [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
    words = [f"under {edges[0]:g}", *inner, f"from {edges[-1]:g}"]
    return Bins("number", tuple(edges), tuple(range(len(words))), (), (), len(words), (*words, "null")), words


def _of_categories(bins: Bins, counts: Sequence[int]) -> tuple[Bins, list[str]]:
    by_weight = sorted(range(len(bins.values)), key=lambda place: (-counts[place], bins.values[place]))
    top = sorted(bins.values[place] for place in by_weight[:CATEGORIES])
    coarse = Bins("category", (), (len(top),), tuple(top), (), 0, (*top, "other", "new", "null"))
    return coarse, [*top, "other"]


def named(pair: Pair, names: Sequence[str]) -> str:
    """What a pair is called."""
    return f"{names[pair.one.column]} × {names[pair.other.column]}"
