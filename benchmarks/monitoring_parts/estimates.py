"""Estimates of quality without labels, window by window, against what the labels said then: ours, NannyML's, and none.

Classifications: the streams of `labelled`, by AUC. Regression: the prices of used cars that NannyML's makers made up,
by the mean absolute error. "harder rows": windows drawn anew from the rows of the reference; in the later half those
are drawn more often that the model has a hard time with, by what a caller sends: scores near the middle, or the upper
or lower third of the feature that losses depend on most. So quality is lost in a way that an estimate can know of.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from monitoring_parts import real
from monitoring_parts.labelled import LATER, START, Labelled, auc_of
from pyarrow import csv
from serving_parts.environments import Unavailable, python_of

from shipworthy import clock
from shipworthy.monitoring import assess

OFTEN = 4.0  # how much likelier hard rows are drawn


@dataclass(frozen=True)
class Case:
    """Rows of windows of as many rows each, in the order of time."""

    stream: str
    version: str
    task: str
    features: tuple[str, ...]
    reference: pa.Table  # features, answer, label
    after: pa.Table
    rows: int  # a window

    @property
    def truth(self) -> np.ndarray:
        """(windows,) the metric by labels."""
        return np.array([_metric(self.task, *_pair(self.after.slice(i, self.rows))) for i in self.begins])

    @property
    def held_out(self) -> float:
        """The metric on the reference, as the mean of its windows."""
        begins = range(0, self.reference.num_rows - self.rows + 1, self.rows)
        return float(np.nanmean([_metric(self.task, *_pair(self.reference.slice(i, self.rows))) for i in begins]))

    @property
    def begins(self) -> range:
        """The first row of each window."""
        return range(0, self.after.num_rows - self.rows + 1, self.rows)


def cases(versions: Sequence[Labelled]) -> list[Case]:
    """Those of the streams with labels, each with one more version, and of the prices."""
    found = [_of_labelled(one) for one in versions]
    natural = [one for one in found if one.version == "as it is"]
    prices = _prices()
    return [*found, *(_harder(one) for one in natural), prices, _harder(prices)]


def compare(found: Sequence[Case], *, peer: bool = True) -> tuple[list[dict[str, Any]], str]:
    """A row a case and who estimated: how far from the truth. And why the peer says nothing; "" where it does."""
    rows, why = [], ""
    theirs: list[np.ndarray] = []
    if peer:
        try:
            theirs = _by_nannyml(found)
        except Unavailable as reason:
            why = str(reason)
    for index, case in enumerate(found):
        truth, held = case.truth, case.held_out
        ours, errors = _ours(case)
        said = {"shipworthy": ours, "as held out": np.full(len(truth), held)}
        if theirs:
            said["NannyML, DLE" if case.task == "regression" else "NannyML, CBPE"] = theirs[index]
        # The scale of prices is another one than that of an AUC.
        unit = held if case.task == "regression" else 1.0
        for who, values in said.items():
            known = np.isfinite(values) & np.isfinite(truth)
            row = {"who": who, "stream": case.stream, "version": case.version, "windows": int(known.sum())}
            row["error"] = float(np.abs(values - truth)[known].mean() / unit)
            row["bias"] = float((values - truth)[known].mean() / unit)
            if who == "shipworthy":
                row["within_two_errors"] = float((np.abs(values - truth) <= 2 * errors)[known].mean())
            rows.append(row)
    return rows, why


def _ours(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """(windows,) values and standard errors."""
    answer = {"score" if case.task == "classification" else "prediction": "answer"}
    metric = "auc" if case.task == "classification" else "mae"
    parts = []
    for first, table in ((-(case.reference.num_rows // case.rows), case.reference), (0, case.after)):
        days = first + np.arange(table.num_rows) // case.rows
        times = pa.array((START + days * clock.DAY).astype("datetime64[ns]"))
        parts.append(table.append_column("at", times))
    found = assess(
        parts[0], parts[1].drop(["label"]), label="label", time="at", metric=metric, features=case.features, **answer
    )
    estimates = [one.estimated for one in found]
    values = [np.nan if one is None or one.value is None else one.value for one in estimates]
    errors = [np.nan if one is None or one.error is None else one.error for one in estimates]
    wanted = len(case.begins)
    return np.array(values)[:wanted], np.array(errors)[:wanted]


def _by_nannyml(found: Sequence[Case]) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        described = [{"task": case.task, "features": list(case.features), "rows": case.rows} for case in found]
        (folder / "cases.json").write_text(json.dumps(described))
        for number, case in enumerate(found):
            for part, table in (("reference", case.reference), ("after", case.after)):
                arrays = {name: table[name].to_numpy() for name in table.column_names}
                np.savez(folder / f"{number}-{part}.npz", **arrays)
        script = Path(__file__).resolve().parent / "estimators.py"
        done = subprocess.run(
            [str(python_of("nannyml", real.LOCKS)), str(script), name], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
        said = [json.loads((folder / f"{number}-said.json").read_text())["value"] for number in range(len(found))]
    lengths = [len(case.begins) for case in found]
    return [np.array(values, dtype=np.float64)[:length] for values, length in zip(said, lengths, strict=True)]


def _of_labelled(one: Labelled) -> Case:
    names = tuple(column.name for column in one.columns)
    flat = {name: values.ravel() for name, values in zip([*names, "answer"], one.values, strict=True)}
    table = pa.table({**flat, "label": one.labels.ravel().astype(np.int64)})
    rows = one.labels.shape[1]
    cut = one.reference * rows
    return Case(one.stream, one.version, "classification", names, table.slice(0, cut), table.slice(cut), rows)


def _prices() -> Case:
    folder = real.data("nannyml/datasets/data")
    reference = csv.read_csv(folder / "regression_synthetic_reference.csv")
    after = csv.read_csv(folder / "regression_synthetic_analysis.csv")
    truth = csv.read_csv(folder / "regression_synthetic_analysis_targets.csv")["y_true"]
    names = ("car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel", "transmission")
    tables = []
    for table, label in ((reference, reference["y_true"]), (after, truth)):
        columns = {name: _as_number(table[name]) for name in names}
        tables.append(pa.table({**columns, "answer": _as_number(table["y_pred"]), "label": _as_number(label)}))
    return Case("car prices", "as it is", "regression", names, tables[0], tables[1], 500)


def _harder(case: Case) -> Case:
    rng = np.random.default_rng([*case.stream.encode(), 1])
    answer, label = _pair(case.reference)
    if case.task == "classification":
        hard = np.abs(answer - np.median(answer)) < np.quantile(np.abs(answer - np.median(answer)), 1 / 3)
    else:
        losses = np.abs(answer - label)
        hard = max(_thirds(case), key=lambda one: losses[one].mean() - losses[~one].mean())
    plain, often = np.ones(len(answer)), np.where(hard, OFTEN, 1.0)
    rows, half = case.rows, LATER // 2
    before = rng.integers(0, len(answer), max(40, len(answer) // rows // 2) * rows)
    later = [rng.choice(len(answer), half * rows, p=weights / weights.sum()) for weights in (plain, often)]
    after = case.reference.take(np.concatenate(later))
    reference = case.reference.take(before)
    return Case(case.stream, "harder rows", case.task, case.features, reference, after, rows)


def _thirds(case: Case) -> Iterator[np.ndarray]:
    for name in case.features:
        values = case.reference[name].to_numpy().astype(np.float64)
        low, high = np.nanquantile(values, (1 / 3, 2 / 3))
        yield from (one for one in (values > high, values < low) if one.mean() > 0.1)


def _pair(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return table["answer"].to_numpy(), table["label"].to_numpy()


def _metric(task: str, answer: np.ndarray, label: np.ndarray) -> float:
    return auc_of(label, answer) if task == "classification" else float(np.abs(answer - label).mean())


def _as_number(column: pa.ChunkedArray) -> pa.Array:
    """Texts as the ranks of their values."""
    plain = column.combine_chunks()
    if not pa.types.is_string(plain.type):
        return plain.cast(pa.float64())
    texts = plain.to_pylist()
    ranks = {text: float(rank) for rank, text in enumerate(sorted({text for text in texts if text is not None}))}
    return pa.array([ranks.get(text) for text in texts], pa.float64())
