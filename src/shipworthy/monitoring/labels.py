"""The truth as it comes back: labels by prediction id or by the caller's own id, the newest for each.

Corrections are appended: of several labels with one key, that which became known last is the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import Contract
from shipworthy.monitoring.label_sources import LabelSource, Posted, open_source
from shipworthy.predictions.label_log import folder_of
from shipworthy.store.layout import Layout

_KEYS = pa.nulls(0, pa.string())  # `pa.array` would import pandas where that is installed, for a third of a second


_Known = tuple[int, int, Any]  # when a label became known (ns), when it came here (ns; 0: not told), and the label
# (n,) whether there is a label, (n,) the labels or None.
Found = tuple[NDArray[np.bool_], NDArray[np.generic]]


class KnownLabels:
    """All labels that are known, one a key. Memory grows with their number; looking up costs what is looked up."""

    def __init__(self, *sources: LabelSource) -> None:
        self._parts = [_Part(source) for source in sources]
        self._count = 0

    @property
    def version(self) -> str:
        """Of what they were read from."""
        return "+".join(part.source.version or "-" for part in self._parts) if any(self._versions()) else ""

    def _versions(self) -> list[str]:
        return [part.source.version for part in self._parts]

    def __bool__(self) -> bool:
        return any(part.known for part in self._parts)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: str) -> bool:
        return any(key in part.known for part in self._parts)

    def refresh(self) -> pa.StringArray:
        """Read what is new; returns the keys of which something else is known now, or nothing any more."""
        changed = pa.concat_arrays([_KEYS, *(part.refresh() for part in self._parts)])
        if len(changed):
            with_some = [part.known for part in self._parts if part.known]
            self._count = len(with_some[0]) if len(with_some) == 1 else len(set().union(*with_some))
        return changed

    @property
    def newest(self) -> int | None:
        """When the newest label became known, ns since 1970, UTC; None where that is not told."""
        told = [part for part in self._parts if part.known]
        return max(part.newest for part in told) if told and all(part.timed for part in told) else None

    def of(self, *keys: pa.ChunkedArray[Any]) -> Found:
        """Labels of n rows by any of their keys, (n,) each: (n,) whether there is one, (n,) the labels or None.

        Of several sources' labels the one that became known last is the truth; a source that comes first wins a tie.
        """
        found = np.zeros(len(keys[0]), dtype=bool)
        targets = np.full(len(found), None, dtype=object)
        for column in keys:
            for row, key in enumerate(column.to_pylist()):
                known = [part.known[key] for part in self._parts if key in part.known]
                if known and not found[row]:
                    found[row], targets[row] = True, max(known, key=lambda one: one[0])[2]
        return found, targets


class _Part:
    """What is known from one source."""

    def __init__(self, source: LabelSource) -> None:
        self.source = source
        self.known: dict[str, _Known] = {}
        self.timed, self.newest = True, 0

    def refresh(self) -> pa.StringArray:
        """Read what is new; returns the keys of which something else is known now."""
        read = self.source.fresh()
        if read is None or not (read.rows.num_rows or read.replaces):
            return _KEYS
        before = self.known
        if read.replaces:
            self.known, self.timed, self.newest = {}, True, 0
        self.timed &= read.rows["known"].null_count == 0
        changed = self._take(read.rows, before)
        if read.replaces:
            changed |= before.keys() - self.known.keys()
        return pa.array(sorted(changed), pa.string())

    def _take(self, rows: pa.Table, before: Mapping[str, _Known]) -> set[str]:
        keys: list[Any] = rows["key"].to_pylist()
        known: Any = rows["known"].cast(pa.int64())
        times = [time or 0 for time in known.to_pylist()]
        taken: Iterable[Any] = rows["taken"].to_pylist() if "taken" in rows.column_names else repeat(0)
        originals: dict[str, _Known | None] = {}
        for key, time, came, target in zip(keys, times, taken, rows["target"].to_pylist(), strict=False):
            other = self.known.get(key)
            if other is None or _supersedes(time, came, target, other):
                originals.setdefault(key, before.get(key))  # `before` may be what is changed here
                self.known[key] = (time, came, target)
        until = clock.now() + clock.AHEAD  # a time to come is a mistake, and must not settle what is still to come
        self.newest = max([self.newest, *(time for time in times if time <= until)])
        return {key for key, original in originals.items() if not _same(original, self.known[key])}


def _supersedes(time: int, taken: int, target: Any, other: _Known) -> bool:
    """Whether a label that is read later is the truth: by the order of reading only where nothing else tells."""
    if (time, taken) != other[:2]:
        return (time, taken) > other[:2]
    return not taken or repr(target) >= repr(other[2])


def _same(one: _Known | None, other: _Known) -> bool:
    return one is not None and one[0] == other[0] and (one[2] == other[2] or one[2] is other[2])


def known_labels(contract: Contract, layout: Layout) -> KnownLabels:
    """All that say what turned out to be true of a model's predictions: `[labels]`, and what came by HTTP."""
    declared = [] if contract.labels is None else [open_source(contract.labels, layout.project)]
    return KnownLabels(*declared, Posted(folder_of(layout.logs(contract.name))))
