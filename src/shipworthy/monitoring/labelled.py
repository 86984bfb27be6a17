"""Quality as predictions and labels come: which windows have something new, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from shipworthy.monitoring.assessing import Place, Rows, assessed
from shipworthy.monitoring.basis import Basis
from shipworthy.monitoring.label_standing import NAMED, LabelStanding
from shipworthy.monitoring.labels import KnownLabels
from shipworthy.monitoring.predicted import FEATURE, Group, Predicted, groups_of, values_of
from shipworthy.monitoring.records import Quality

_AT_ONCE = 1_000_000  # predictions that are measured at once, unless a single window has more


class Labelled:
    """Joins labels and predictions of one model. Memory grows with the labels, and with the newest predictions."""

    def __init__(
        self,
        labels: KnownLabels | None,
        predictions: Path,
        basis_of: Callable[[int], Basis | None],
        window_of: Callable[[int], int | None],
    ) -> None:
        """basis_of, window_of: of a release, what it is held against, its windows' length; None: it is not measured."""
        self._labels, self._predicted = labels, Predicted(predictions)
        self._basis_of, self._window_of = basis_of, window_of
        self._unmatched: set[str] = set()

    @property
    def version(self) -> str:
        """Of both tables, as they were joined last."""
        labels = "" if self._labels is None else self._labels.version
        return f"{labels or '-'}.{self._predicted.version or '-'}"

    @property
    def newest(self) -> int | None:
        """When the newest label became known, ns; None where labels do not say."""
        return None if self._labels is None else self._labels.newest

    @property
    def standing(self) -> LabelStanding:
        """Labels that are known, and those of them that name no recorded prediction."""
        named = tuple(sorted(islice(self._unmatched, NAMED)))
        return LabelStanding(0 if self._labels is None else len(self._labels), len(self._unmatched), named, self.newest)

    def step(
        self, releases: Collection[int], open_from: Callable[[int], int | None], known: Mapping[Group, Quality]
    ) -> Iterator[Quality]:
        """Quality of every window in which a label or a labelled prediction is new, and of closed ones with new rows.

        releases: that have answered. open_from: of a release, the start of its first open window; None where nothing is
        closed. known: what was said.
        """
        old = set(self._predicted.files)
        new_files = self._predicted.refresh()
        groups = self._newly_labelled(new_files, [file for file in self._predicted.files if file in old])
        if not groups and not any(self._estimates(release) for release in sorted(releases, reverse=True)):
            return
        totals = self._predicted.rows()
        for group, rows in totals.items():
            first_open = open_from(group[0])
            before = known.get(group)
            old_news = before is not None and before.estimated is not None and before.rows >= rows
            if first_open is not None and group[1] < first_open and not old_news and self._estimates(group[0]):
                groups.add(group)
        # Where rows have left the table, what was said of all of them stands.
        groups = {group for group in groups if group not in known or known[group].rows <= totals.get(group, 0)}
        for batch in _batches(groups, totals):
            yield from self._measure(batch)

    def _estimates(self, release: int) -> bool:
        basis = self._basis_of(release)
        return basis is not None and basis.estimator is not None

    def _newly_labelled(self, new_files: list[str], kept: list[str]) -> set[Group]:
        groups: set[Group] = set()
        if self._labels is None:
            return groups
        new_keys = self._labels.refresh()
        if len(new_keys):
            known_keys = self._labels
            self._unmatched.update(map(str, new_keys.to_pylist()))
            self._unmatched = {key for key in self._unmatched if key in known_keys}
            for rows in self._predicted.named(new_keys, kept):
                groups |= self._matched(rows)
        if not self._labels:
            return groups
        for rows in self._predicted.together(new_files):
            known, _ = self._labels.of(rows["prediction_id"], rows["id"])
            groups |= self._matched(rows.take(np.flatnonzero(known)))
        return groups

    def _matched(self, rows: pa.Table) -> set[Group]:
        for column in ("prediction_id", "id"):
            self._unmatched.difference_update(rows[column].to_pylist())
        return groups_of(rows)

    def _measure(self, groups: set[Group]) -> Iterator[Quality]:
        bases = {release: self._basis_of(release) for release, _ in groups}
        features = sorted({name for basis in bases.values() if basis is not None for name in basis.features})
        for (release, window), rows in self._predicted.of_groups(groups, features).items():
            basis, length = bases[release], self._window_of(release)
            if basis is not None and length is not None:
                yield assessed(basis, Place(release, window, length, self.version), self._rows(basis, rows))

    def _rows(self, basis: Basis, rows: pa.Table) -> Rows:
        columns = {name: rows[f"{FEATURE}{name}"] for name in basis.features if f"{FEATURE}{name}" in rows.column_names}
        if self._labels is None:
            labelled, target = np.zeros(rows.num_rows, dtype=bool), np.full(rows.num_rows, None, dtype=object)
            return Rows(values_of(rows), basis.codes(columns, rows.num_rows), labelled, target)
        known, targets = self._labels.of(rows["prediction_id"], rows["id"])
        return Rows(values_of(rows), basis.codes(columns, rows.num_rows), known, targets)


def _batches(groups: set[Group], totals: Mapping[Group, int]) -> Iterator[set[Group]]:
    """The groups in the order of time, as many together as fit into memory."""
    batch: set[Group] = set()
    rows = 0
    for group in sorted(groups, key=lambda one: (one[1], one[0])):
        if batch and rows + totals.get(group, 0) > _AT_ONCE:
            yield batch
            batch, rows = set(), 0
        batch.add(group)
        rows += totals.get(group, 0)
    if batch:
        yield batch
