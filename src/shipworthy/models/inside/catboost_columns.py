"""What CatBoost's trees compare: numbers, codes of categories, and statistics of categories (CTRs).

A category is known to a model by its hash, and a statistic by a hash of hashes, combined with comparisons of numbers.
Every entry of every table has to be reached by some combination of the words that are known: a model that knows more
is not written, because the graph would take a category that it knows for one that it has never seen.

Statistics are computed in single precision, as CatBoost does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shipworthy.models.inside.graph import DOUBLE, ML, SINGLE, Column, Graph, Unsupported, tensor

Columns = list[Column]

_FACTOR = np.uint64(0x4906BA494954CB65)  # of the hash of a combination
_EMPTY = 2**64 - 1  # a place of a hash table that holds nothing
_LARGEST = 4_000_000  # numbers in the tables of a model's statistics


@dataclass(frozen=True)
class _Category:
    code: str  # tensor (n, 1) int64: the word's place, one more than the last for a word that is not known
    hashes: Any  # (words,) uint64


class Table:
    """The columns that trees compare: numbers, codes of categories, statistics."""

    def __init__(self, graph: Graph, written: dict[str, Any], columns: Columns) -> None:
        about = written["features_info"]
        self._graph = graph
        self._statistics = written.get("ctr_data", {})
        self._hashes = {each["value"]: each["hash"] for each in about.get("cat_features_hash", ())}
        self._columns = columns
        self._floats = about.get("float_features", [])
        self._categories = about.get("categorical_features", [])
        self._ctrs = about.get("ctrs", [])
        before = sum(len(each.get("borders") or ()) for each in self._floats)
        before += sum(len(each.get("values") or ()) for each in self._categories)
        self._ends = before + np.cumsum([len(ctr["borders"]) for ctr in self._ctrs])
        self._known: dict[int, _Category] = {}
        self._parts: list[str] = []
        self._width = 0
        self._size = 0
        self._placed: dict[tuple[str, int], int] = {}
        numbers = [columns[each["flat_feature_index"]] for each in self._floats]
        self._single = graph.op("Cast", graph.numbers(numbers), to=SINGLE) if numbers else ""
        if numbers:
            self._add("number", graph.op("Cast", self._single, to=DOUBLE), range(len(numbers)))
        for identifier in dict.fromkeys(ctr["identifier"] for ctr in self._ctrs):
            self._add_statistics(identifier)

    def rows(self) -> str:
        """All of them, a double tensor (n, columns)."""
        parts = self._parts
        return parts[0] if len(parts) == 1 else self._graph.op("Concat", *parts, axis=1)

    def number(self, place: int) -> tuple[int, bool]:
        """The column of a number, and whether NaN is below all borders."""
        return self._placed["number", place], self._floats[place].get("nan_value_treatment") != "AsTrue"

    def statistic(self, split: int) -> int:
        """The column of the statistic that a split is of: splits are numbered through numbers, sets and statistics."""
        return self._placed["statistic", int(np.searchsorted(self._ends, split, side="right"))]

    def category(self, place: int, value: int) -> tuple[int, float]:
        """The column of a category's codes, and the code of a hash."""
        known = self._category(place)
        if ("category", place) not in self._placed:
            self._add("category", self._graph.op("Cast", known.code, to=DOUBLE), [place])
        found = np.flatnonzero(known.hashes == _extended(value))
        if not len(found):
            raise Unsupported(self._stranger(place))
        return self._placed["category", place], float(found[0])

    def _add(self, kind: str, tensor: str, places: Sequence[int]) -> None:
        for offset, place in enumerate(places):
            self._placed[kind, place] = self._width + offset
        self._parts.append(tensor)
        self._width += len(places)

    def _category(self, place: int) -> _Category:
        if place not in self._known:
            column = self._columns[self._categories[place]["flat_feature_index"]]
            words = self._graph.words(column)
            codes = self._graph.op(
                "LabelEncoder",
                column.tensor,
                domain=ML,
                keys_tensor=tensor(np.array(words, dtype=object)),
                values_tensor=tensor(np.arange(len(words))),
                default_tensor=tensor(np.array([len(words)])),
            )
            hashes = np.array([_extended(self._hashes[word]) for word in words], dtype=np.uint64)
            self._known[place] = _Category(codes, hashes)
        return self._known[place]

    def _stranger(self, place: int) -> str:
        name = self._categories[place]["feature_id"] or place
        return f"CatBoost knows words of {name} that neither the contract nor the training's rows hold"

    def _add_statistics(self, identifier: str) -> None:
        """The columns of all statistics that share a table: looked up once."""
        places = [place for place, ctr in enumerate(self._ctrs) if ctr["identifier"] == identifier]
        first = self._ctrs[places[0]]
        index, hashes = self._combined(first["elements"])
        self._size += len(hashes) * len(places)
        if self._size > _LARGEST:
            raise Unsupported(f"CatBoost's statistics of more than {_LARGEST:,} combinations of categories")
        stored = self._statistics[identifier]
        keys, counts = _entries(stored)
        order = np.argsort(keys)
        at = (
            np.minimum(np.searchsorted(keys[order], hashes), len(keys) - 1) if len(keys) else np.zeros(len(hashes), int)
        )
        entry = order[at] if len(keys) else at
        hit = (keys[entry] == hashes) & (hashes != _EMPTY) if len(keys) else np.zeros(len(hashes), bool)
        if len(np.unique(entry[hit])) < len(keys):
            names = [element["cat_feature_index"] for element in first["elements"] if "cat_feature_index" in element]
            raise Unsupported(self._stranger(names[0]))
        values = [_values(self._ctrs[place], stored, counts, entry, hit) for place in places]
        table = self._graph.constant(np.column_stack(values).astype(np.float32))
        looked_up = self._graph.op("Gather", table, index, axis=0)
        self._add("statistic", self._graph.op("Cast", looked_up, to=DOUBLE), places)

    def _combined(self, elements: Sequence[dict[str, Any]]) -> tuple[str, Any]:
        """The number (n,) of a row's combination, and the hash of each; _EMPTY where a word is not known."""
        parts = [self._element(element) for element in sorted(elements, key=_place_in_hash)]
        hashes: Any = np.zeros(1, dtype=np.uint64)
        known: Any = np.ones(1, dtype=bool)
        index = ""
        with np.errstate(over="ignore"):
            for tensor, values, strangers in parts:
                if len(hashes) * (len(values) + strangers) > _LARGEST:
                    raise Unsupported(f"CatBoost's statistics of more than {_LARGEST:,} combinations of categories")
                padded = np.concatenate([values, np.zeros(strangers, np.uint64)])
                familiar = np.arange(len(padded)) < len(values)
                hashes = (_FACTOR * (hashes[:, None] + _FACTOR * padded[None, :])).ravel()
                known = (known[:, None] & familiar[None, :]).ravel()
                index = self._next(index, tensor, len(padded))
        flat = self._graph.op("Squeeze", index, self._graph.constant(np.array([1], dtype=np.int64)))
        return flat, np.where(known, hashes, np.uint64(_EMPTY))

    def _next(self, index: str, tensor: str, count: int) -> str:
        if not index:
            return tensor
        shifted = self._graph.op("Mul", index, self._graph.constant(np.array([count], dtype=np.int64)))
        return self._graph.op("Add", shifted, tensor)

    def _element(self, element: dict[str, Any]) -> tuple[str, Any, int]:
        """A part of a combination: the tensor (n, 1) of its code, what each code adds to the hash, strangers' codes."""
        kind = element["combination_element"]
        if kind == "cat_feature_value":
            known = self._category(element["cat_feature_index"])
            return known.code, known.hashes, 1
        bits = np.arange(2, dtype=np.uint64)
        if kind == "float_feature":
            return self._graph.op("Cast", self._above(element), to=_INT64), bits, 0
        if kind == "cat_feature_exact_value":
            place = element["cat_feature_index"]
            known = self._category(place)
            found = np.flatnonzero(known.hashes == _extended(element["value"]))
            if not len(found):
                raise Unsupported(self._stranger(place))
            same = self._graph.op("Equal", known.code, self._graph.constant(found[:1].astype(np.int64)))
            return self._graph.op("Cast", same, to=_INT64), bits, 0
        raise Unsupported(f"CatBoost's statistics of {kind}")

    def _above(self, element: dict[str, Any]) -> str:
        place = element["float_feature_index"]
        column = self._graph.op("Gather", self._single, self._graph.constant(np.array([place], dtype=np.int64)), axis=1)
        border = self._graph.constant(np.array([element["border"]], dtype=np.float32))
        if self._floats[place].get("nan_value_treatment") == "AsTrue":
            return self._graph.op("Not", self._graph.op("LessOrEqual", column, border))
        return self._graph.op("Greater", column, border)


_INT64 = 7  # TensorProto.INT64
_IN_HASHES = ("cat_feature_value", "float_feature", "cat_feature_exact_value")


def _place_in_hash(element: dict[str, Any]) -> int:
    kind = element["combination_element"]
    return _IN_HASHES.index(kind) if kind in _IN_HASHES else len(_IN_HASHES)


def _extended(value: int) -> int:
    """A hash of 32 bits, signed or not, as the 64 bits that combinations are made of."""
    value &= 0xFFFFFFFF
    return value if value < 2**31 else value + (2**64 - 2**32)


def _entries(stored: dict[str, Any]) -> tuple[Any, Any]:
    """Keys (k,) uint64 and what a table holds of each, (k, stride - 1)."""
    stride = stored["hash_stride"]
    flat = stored["hash_map"]
    keys = np.array([int(key) for key in flat[::stride]], dtype=np.uint64)
    counts = np.array([flat[place::stride] for place in range(1, stride)], dtype=np.float32).T.reshape(len(keys), -1)
    real = keys != _EMPTY
    return keys[real], counts[real]


def _values(ctr: dict[str, Any], stored: dict[str, Any], counts: Any, entry: Any, hit: Any) -> Any:
    """A statistic of each combination, float32; of one that training never saw, that of no rows."""
    kind, border = ctr["ctr_type"], ctr["target_border_idx"]
    if kind in ("Counter", "FeatureFreq"):
        part = np.where(hit, counts[entry, 0], 0) if len(counts) else np.zeros(len(hit))
        total = np.full(len(hit), stored["counter_denominator"])
    elif kind in ("Borders", "Buckets"):
        part, total = _of_classes(kind, border, counts, entry, hit)
    elif kind in ("BinarizedTargetMeanValue", "FloatTargetMeanValue"):
        part, total = (np.where(hit, counts[entry, place], 0) for place in (0, 1))
    else:
        raise Unsupported(f"CatBoost's statistic {kind}")
    single = np.float32
    above = part.astype(single) + single(ctr["prior_numerator"])
    share = above / (total.astype(single) + single(ctr["prior_denomerator"]))
    return (share + single(ctr["shift"])) * single(ctr["scale"])


def _of_classes(kind: str, border: int, counts: Any, entry: Any, hit: Any) -> tuple[Any, Any]:
    if not len(counts):
        return np.zeros(len(hit)), np.zeros(len(hit))
    chosen = counts[:, border + 1 :].sum(axis=1) if kind == "Borders" else counts[:, border]
    return np.where(hit, chosen[entry], 0), np.where(hit, counts.sum(axis=1)[entry], 0)
