"""Quality of tables, without a server: each window by its labels, and estimated where they have not come yet.

from shipworthy.monitoring import assess

for one in assess(held_out, april, score="p_late", label="late", time="departure", slices=["carrier"]):
    print(one.window, one.value, one.estimated)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import Feature, Metric, Task
from shipworthy.contract.schema import METRICS
from shipworthy.errors import DataViolation, WrongUse
from shipworthy.models.answers import Class
from shipworthy.models.columns import from_arrow
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.monitoring.assessing import Place, Rows, assessed
from shipworthy.monitoring.basis import Basis, HeldRows, based
from shipworthy.monitoring.quality import settled_order
from shipworthy.monitoring.records import Quality
from shipworthy.monitoring.tables import answers_of, as_table, features_of, require, times_of

_USUAL: tuple[tuple[Class, ...], ...] = ((False, True), (0, 1))


def assess(  # noqa: PLR0913 - a column or a choice each, by name
    reference: Any,
    table: Any,
    *,
    label: str,
    time: str,
    score: str | None = None,
    prediction: str | None = None,
    metric: Metric | None = None,
    classes: Sequence[Class] | None = None,
    features: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    window: str = "1d",
) -> tuple[Quality, ...]:
    """What can be said of the quality of every window of a table, oldest first.

    reference: labelled rows that the model was not trained on, with its answers; table: those to tell of, whose labels
    may be null or have no column yet. score: column of probabilities, (n,) of the last class or lists of all;
    prediction: of numbers, for a regression; one of the two. classes: labels in the order of the answers, unless they
    are booleans, or 0 and 1. features: columns that a regression's loss may depend on, None: all that could; slices:
    categories or booleans to tell apart. WrongUse, DataViolation.
    """
    if (score is None) == (prediction is None):
        raise WrongUse("name one column of answers: score= (probabilities) or prediction= (numbers of a regression)")
    task: Task = "classification" if score is not None else "regression"
    named = _Named(score if score is not None else str(prediction), label, time, task, clock.duration(window))
    held, rows = as_table(reference), as_table(table)
    for found, names in ((held, (named.answer, time, label, *slices)), (rows, (named.answer, time, *slices))):
        for name in names:
            require(found, name)
    watched = _features(held, features, slices, (named.answer, time, label))
    basis = _basis(held, named, _metric(metric, task), classes, watched, slices)
    return tuple(_windows(basis, rows, named))


@dataclass(frozen=True, slots=True)
class _Named:
    """Which column is what, and how long a window is (ns)."""

    answer: str
    label: str
    time: str
    task: Task
    window: int


def _metric(metric: Metric | None, task: Task) -> Metric:
    known = METRICS[task]
    if metric is None:
        return known[0]
    if metric not in known:
        raise WrongUse(f"metric = {metric!r}: expected one of a {task}: {', '.join(known)}")
    return metric


def _basis(
    held: pa.Table,
    named: _Named,
    metric: Metric,
    classes: Sequence[Class] | None,
    features: Sequence[Feature],
    slices: Sequence[str],
) -> Basis:
    answers, target = answers_of(held, named.answer, named.task), _labels(held, named.label)
    of_label: tuple[Class, ...] = ()
    if named.task == "classification":
        of_label = _classes(classes, target, answers.shape[1], named.label)
    else:
        target = _numbers(target, named.label)
    columns = dict(zip((one.name for one in features), from_arrow(held, features), strict=True))
    rows = HeldRows(target, answers, _times(held, named.time) // named.window, columns)
    basis = based(metric, of_label, features, rows, slices)
    if basis.promised is None:
        raise WrongUse(f"{metric} has no value on the reference: expected rows with a {named.label} and an answer")
    return basis


def _windows(basis: Basis, rows: pa.Table, named: _Named) -> list[Quality]:
    answers, times = answers_of(rows, named.answer, named.task), _times(rows, named.time)
    target = np.full(rows.num_rows, None, dtype=object)
    if named.label in rows.column_names:
        target = _labels(rows, named.label)
    known = np.fromiter(map(_is_known, target.tolist()), bool, rows.num_rows)
    codes = basis.codes({name: rows[name] for name in basis.features if name in rows.column_names}, rows.num_rows)
    starts = times - times % named.window
    found = []
    for start in np.unique(starts).tolist():
        inside = np.flatnonzero((starts == start) & np.isfinite(answers).all(axis=1))
        inside = inside[settled_order(answers[inside], times[inside], codes[inside])]
        part = Rows(answers[inside], codes[inside], known[inside], target[inside])
        found.append(assessed(basis, Place(0, start, named.window, ""), part))
    return found


def _features(
    held: pa.Table, features: Sequence[str] | None, slices: Sequence[str], apart: Sequence[str]
) -> tuple[Feature, ...]:
    rest = [name for name in held.column_names if name not in apart]
    if features is None and not rest:
        return ()
    names = features if features is not None else [one.name for one in features_of(held, None, leave_out=apart)]
    found = features_of(held, list(dict.fromkeys([*names, *slices])))
    for one in found:
        if one.name in slices and one.type not in ("category", "boolean"):
            raise WrongUse(f"slices: {one.name} is of type {one.type}, expected a category or a boolean")
    return found


def _is_known(label: Any) -> bool:
    return label is not None and not (isinstance(label, float) and isnan(label))


def _labels(rows: pa.Table, label: str) -> NDArray[np.generic]:
    found = np.empty(rows.num_rows, dtype=object)
    found[:] = rows[label].to_pylist()
    return found


def _numbers(target: NDArray[np.generic], label: str) -> NDArray[np.generic]:
    try:
        return np.array([np.nan if one is None else float(one) for one in target.tolist()])
    except (TypeError, ValueError):
        raise DataViolation(f"{label}: expected numbers, or nulls where a label has not come yet") from None


def _classes(given: Sequence[Class] | None, target: NDArray[np.generic], width: int, label: str) -> tuple[Class, ...]:
    if given is not None:
        if len(given) != width:
            raise WrongUse(f"classes= names {len(given)} classes, and there are {width} answers a row")
        return tuple(given)
    found = {one for one in target.tolist() if one is not None}
    for usual in _USUAL:
        if width == len(usual) and found <= set(usual):
            return usual
    shown = ", ".join(sorted(map(repr, found))[:10])
    raise WrongUse(f"{label} holds {shown}: name the {width} classes in the order of the answers by classes=")


def _times(rows: pa.Table, time: str) -> NDArray[np.int64]:
    times = times_of(rows, time)
    missing = int((times == NULL_TIMESTAMP).sum())
    if missing:
        raise DataViolation(f"{time}: {missing:,} rows have no time, and belong to no window; leave them out")
    return times
