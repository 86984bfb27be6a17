"""Bins: how the values of one payoff fall into a few cells that are frozen at training.

Numbers lie in value order: under, then quantiles of the reference with every heavy value (an atom) in a bin of its own,
then over; after them "between" (values inside the range where the reference had none) and null. Quantiles alone would
collapse on a feature that is mostly 0. Categories: the heaviest values, other (rare ones of the reference), new, null.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shipworthy.contract.records import FeatureType
from shipworthy.models.records import NULL_TIMESTAMP

Codes = NDArray[np.uint8]
Kind = Literal["number", "category", "boolean", "code"]  # code: values are bins already

BINS = 20  # quantiles of a feature without atoms; a value that holds a share of 1/BINS is an atom
LARGEST = 256  # a reference of more categories cannot tell its rare ones from new ones
BLOCK = 65_536  # cells a pass: the block and its codes stay in the cache


class Bins(msgspec.Struct, frozen=True):
    """The cells of one payoff. A code is the index of a cell in `labels`."""

    kind: Kind
    edges: tuple[float, ...]  # number: ascending; cells are [edge, next edge)
    codes: tuple[int, ...]  # number: code of every interval, one more than edges; category: of a value not listed below
    values: tuple[str, ...]  # category: the heaviest, a bin each
    rare: tuple[str, ...]  # category: the rest of what the reference held, together in "other"
    ordered: int  # number of leading bins that lie in value order; 0 for categories
    labels: tuple[str, ...]  # plain words, one a bin

    @property
    def size(self) -> int:
        """How many bins there are, null included."""
        return len(self.labels)


def build(type_: FeatureType, values: NDArray[np.generic]) -> Bins:
    """Bins of a reference column, (n,), as `models.records.Columns` holds it; the order of rows does not matter."""
    if type_ == "boolean":
        return Bins("boolean", (), (), (), (), 0, ("false", "true", "null"))
    if type_ == "category":
        return _of_categories(values)
    return _of_numbers(_as_floats(values))


class Finder:
    """Places values of one payoff in fine cells, a block at a time: several fine cells may be one bin."""

    def __init__(self, bins: Bins) -> None:
        self._bins = bins
        self._edges = bins.edges if bins.kind == "number" else ()
        self._mask = np.empty(BLOCK, dtype=bool)
        self.codes = _number_codes(bins) if bins.kind == "number" else np.arange(bins.size, dtype=np.uint8)
        self.width = len(self.codes)  # how many fine cells there are

    def __call__(self, values: NDArray[np.generic]) -> Codes:
        """The fine cell of every value of a block, (n,) with n <= BLOCK; its bin is `codes` of it."""
        if self._bins.kind == "category":
            return _assign_categories(self._bins, values)
        if self._bins.kind == "code":
            return values.astype(np.uint8, copy=False)
        numbers = _as_floats(values)
        if self._bins.kind == "boolean":
            truth: Codes = (numbers != 0).astype(np.uint8)
            truth[np.isnan(numbers)] = 2
            return truth
        return self._of_numbers(numbers)

    def _of_numbers(self, block: NDArray[np.float64]) -> Codes:
        """One more than the edges that lie above each value; 0 for NaN, which lies below none and differs from itself.

        One comparison an edge is several times faster than a binary search a value.
        """
        found: Codes = np.ones(len(block), dtype=np.uint8)
        mask = self._mask[: len(block)]
        as_numbers = mask.view(np.uint8)
        for edge in self._edges:
            np.less(block, edge, out=mask)
            found += as_numbers
        np.not_equal(block, block, out=mask)
        found -= as_numbers
        return found


def finder(bins: Bins) -> Finder:
    """What places values in bins."""
    return Finder(bins)


def assign(bins: Bins, values: NDArray[np.generic]) -> Codes:
    """The bin of every value, (n,) uint8."""
    find = Finder(bins)
    places = np.empty(len(values), dtype=np.uint8)
    for start in range(0, len(values), BLOCK):
        places[start : start + BLOCK] = find(values[start : start + BLOCK])
    return np.take(find.codes, places)


def _number_codes(bins: Bins) -> Codes:
    """The bin of a value by its fine cell: null, then the intervals, the highest first."""
    return np.array([bins.size - 1, *reversed(bins.codes)], dtype=np.uint8)


def _as_floats(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Numbers with NaN where null."""
    numbers: NDArray[np.float64] = values.astype(np.float64, copy=False)
    if values.dtype == np.int64:
        null = values == NULL_TIMESTAMP
        if null.any():
            numbers = np.where(null, np.nan, numbers)
    return numbers


def _of_numbers(values: NDArray[np.float64]) -> Bins:
    known = np.sort(values[np.isfinite(values)] + 0.0)  # -0.0 and 0.0 are equal, and become the same
    if not len(known):
        return Bins("number", (), (0,), (), (), 1, ("any number", "null"))
    distinct, counts = np.unique(known, return_counts=True)
    atoms = distinct[(counts >= len(known) / BINS) & (counts > 1)]
    rest = known[~np.isin(known, atoms)]
    edges = np.unique(
        np.concatenate([[known[0]], atoms, _after(atoms), _quantiles(rest, len(atoms)), _after(known[-1:])])
    )
    return _named(edges, atoms, known)


def _quantiles(rest: NDArray[np.float64], atoms: int) -> NDArray[np.float64]:
    """Lower edges of equally heavy cells of what is no atom; they are values of the reference."""
    if not len(rest):
        return rest
    cells = max(2, BINS - atoms)
    picked = (np.arange(1, cells) * len(rest)) // cells
    return rest[picked]


def _after(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nextafter(values, np.inf)


def _named(edges: NDArray[np.float64], atoms: NDArray[np.float64], known: NDArray[np.float64]) -> Bins:
    """Codes and words of every interval; intervals in which the reference had nothing share one bin, "between"."""
    held = np.diff(np.searchsorted(known, edges, side="left")) > 0
    labels, codes, gaps = [f"under {edges[0]:g}"], [0], []
    for index, (low, high) in enumerate(pairwise(edges)):
        if not held[index]:
            gaps.append(len(codes))
            codes.append(-1)
            continue
        atom = low in atoms and high == np.nextafter(low, np.inf)
        codes.append(len(labels))
        labels.append(f"{low:g}" if atom else _interval(low, high, known[-1]))
    codes.append(len(labels))
    labels.append(f"over {known[-1]:g}")
    ordered = len(labels)
    if gaps:
        labels.append("between")
    for gap in gaps:
        codes[gap] = ordered
    return Bins("number", tuple(edges.tolist()), tuple(codes), (), (), ordered, (*labels, "null"))


def _interval(low: float, high: float, largest: float) -> str:
    return f"{low:g} to {largest:g}" if high > largest else f"{low:g} to under {high:g}"


def _of_categories(values: NDArray[np.generic]) -> Bins:
    """The heaviest values, at most BINS; ties go to the first in the alphabet, so that row order does not matter."""
    found = pc.value_counts(_texts(values).drop_null())
    counts = {entry["values"].as_py(): entry["counts"].as_py() for entry in found}
    order = sorted(counts, key=lambda value: (-counts[value], value))
    heaviest = tuple(sorted(order[:BINS]))
    all_listed = len(order) <= LARGEST
    rare = tuple(sorted(order[BINS:])) if all_listed else ()
    unlisted = len(heaviest) + (1 if all_listed else 0)
    return Bins("category", (), (unlisted,), heaviest, rare, 0, (*heaviest, "other", "new", "null"))


def _assign_categories(bins: Bins, values: NDArray[np.generic]) -> Codes:
    texts = _texts(values)
    known = [*bins.values, *bins.rare]
    found = pc.index_in(texts, value_set=pa.array(known, type=pa.string())).fill_null(len(known))
    top = len(bins.values)
    table = np.array([*range(top), *[top] * len(bins.rare), *bins.codes], dtype=np.uint8)
    codes: Codes = table[found.to_numpy(zero_copy_only=False)]
    if texts.null_count:
        codes[texts.is_null().to_numpy(zero_copy_only=False)] = top + 2
    return codes


def _texts(values: NDArray[np.generic]) -> pa.StringArray:
    return pa.array(values, type=pa.string(), from_pandas=True)
