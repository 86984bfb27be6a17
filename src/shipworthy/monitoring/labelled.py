"""Quality as labels come: which windows have new ones, and the gate's metric on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from shipworthy.contract.records import Metric
from shipworthy.models.answers import Class
from shipworthy.monitoring.labels import KnownLabels
from shipworthy.monitoring.predicted import Group, Predicted, groups_of, values_of
from shipworthy.monitoring.quality import measured
from shipworthy.monitoring.records import VERSION, Quality


class Labelled:
    """Joins labels and predictions of one model. Memory grows with the labels, and with the newest predictions."""

    def __init__(
        self,
        labels: KnownLabels,
        predictions: Path,
        metric: Metric,
        classes_of: Callable[[int], Sequence[Class] | None],
        window_of: Callable[[int], int | None],
    ) -> None:
        """classes_of, window_of: of a release, its classes and the length of its windows; None: it is not measured."""
        self._labels, self._predicted = labels, Predicted(predictions)
        self._metric, self._classes_of, self._window_of = metric, classes_of, window_of

    @property
    def version(self) -> str:
        """Of both tables, as they were joined last."""
        return f"{self._labels.version or '-'}.{self._predicted.version or '-'}"

    @property
    def newest(self) -> int | None:
        """When the newest label became known, ns; None where labels do not say."""
        return self._labels.newest

    def step(self) -> list[Quality]:
        """Quality of every window in which a label or a labelled prediction is new."""
        old = self._predicted.files
        new_files = self._predicted.refresh()
        new_keys = self._labels.refresh()
        kept = [file for file in self._predicted.files if file in set(old)]
        groups: set[Group] = set()
        if len(new_keys):
            groups |= self._predicted.groups_with(new_keys, kept)
        for rows in self._predicted.together(new_files):
            known, _ = self._labels.of(rows["prediction_id"], rows["id"])
            groups |= groups_of(rows.take(np.flatnonzero(known)))
        return self._measure(groups)

    def _measure(self, groups: set[Group]) -> list[Quality]:
        tables = self._predicted.of_groups(groups) if groups else {}
        found: list[Quality] = []
        for (release, window), rows in tables.items():
            classes, length = self._classes_of(release), self._window_of(release)
            if classes is None or length is None:
                continue
            known, targets = self._labels.of(rows["prediction_id"], rows["id"])
            value, error = measured(self._metric, targets[known], values_of(rows)[known], classes)
            found.append(
                Quality(
                    version=VERSION,
                    release=release,
                    window=window,
                    end=window + length,
                    metric=self._metric,
                    value=value,
                    labelled=int(known.sum()),
                    rows=rows.num_rows,
                    labels=self.version,
                    error=error,
                )
            )
        return found
