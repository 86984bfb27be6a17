"""Streams with labels and scores, as they are and with a change that is known; and where quality was really lost."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from monitoring_parts import real
from monitoring_parts.detectors import texts
from monitoring_parts.real import Column, Stream
from monitoring_parts.scenarios import moved

from shipworthy import clock
from shipworthy.replay.roles import Asked
from shipworthy.wiring.replaying import Settings, watch_log

NEAR = 10  # windows from an alarm to a loss that it may be said to be about
MOVED, TURNED, LATER = 0.3, 1 / 6, 60  # drift behind the model's back; share of labels; windows of a changed stream
SMALLEST, AROUND = 0.02, 10  # AUC that is worth telling; windows that it is a mean of
SURE = 2.33  # standard errors, one-sided: 99%
START = clock.from_iso("2024-01-01T00:00:00")
MOST = 500  # rows a window


@dataclass(frozen=True)
class Labelled:
    """A stream in windows of as many rows each."""

    stream: str
    version: str
    columns: tuple[Column, ...]
    values: tuple[np.ndarray, ...]  # (windows, rows) of every column, then the score
    labels: np.ndarray  # (windows, rows) 0 or 1
    reference: int  # windows of it


def from_real(name: str) -> Labelled:
    """The stream as it is, in the order of time."""
    stream, scores, first = _scored(name)
    days = np.arange(first, stream.days.max() + 1)
    begins, ends = np.searchsorted(stream.days, days), np.searchsorted(stream.days, days, side="right")
    rows = min(MOST, int(np.percentile(ends - begins, 5)))
    enough = ends - begins >= rows
    begins, ends = begins[enough], ends[enough]
    picked = begins[:, None] + (np.arange(rows) * ((ends - begins)[:, None] / rows)).astype(np.int64)
    reference = int((days[enough] < (90 if name == "flights" else stream.trained)).sum())
    return _cut(stream, scores, picked, "as it is", reference)


def changed(name: str) -> Iterator[Labelled]:
    """Drawn from the reference's rows: one half as it was, the other with labels turned round or a column moved."""
    rng = np.random.default_rng([*name.encode()])
    whole = from_real(name)
    flat = [values[: whole.reference].ravel() for values in whole.values]
    labels = whole.labels[: whole.reference].ravel()
    picked = rng.integers(0, len(labels), (max(40, whole.reference // 2) + LATER, whole.labels.shape[1]))
    reference, half = len(picked) - LATER, len(picked) - LATER // 2
    values, truth = [column[picked] for column in flat], labels[picked]
    turned = truth.copy()
    turned[half:] = np.where(rng.random(truth[half:].shape) < TURNED, 1 - truth[half:], truth[half:])
    yield Labelled(name, "labels turned", whole.columns, tuple(values), turned, reference)
    place = next(i for i, column in enumerate(whole.columns) if not column.category and column.heaviest[1] < 0.2)
    shifted = values[place].copy()
    shifted[half:] = moved(rng, whole.columns[place], shifted[half:], "up", MOVED)
    harmless = [shifted if i == place else column for i, column in enumerate(values)]
    yield Labelled(name, "harmless drift", whole.columns, tuple(harmless), truth, reference)


def auc_of(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the curve of one window; NaN where there is one class alone."""
    from scipy.stats import rankdata

    positive = labels > 0
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    return float((rankdata(scores)[positive].sum() - many * (many + 1) / 2) / (many * few))


def loss(one: Labelled) -> np.ndarray:
    """(windows after the reference,) whether quality was really lost around it."""
    values = np.array([auc_of(labels, scores) for labels, scores in zip(one.labels, one.values[-1], strict=True)])
    before, after = values[: one.reference], values[one.reference :]
    limit = np.nanmean(before) - max(SMALLEST, 2 * np.nanstd(before) / np.sqrt(AROUND))
    if one.version == "labels turned":
        return np.arange(len(after)) >= len(after) // 2
    around = [after[max(0, i - AROUND // 2) : i + AROUND // 2] for i in range(len(after))]
    return np.array([np.nanmean(values) < limit for values in around])


def watched(one: Labelled) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(windows after the reference,) in which our evidence of drift stands, in which that of labels does, and in which
    the AUC that is estimated without labels is surely (99%) below the reference's by more than SMALLEST.
    """
    windows, rows = one.labels.shape
    starts = START + np.arange(windows) * clock.DAY
    names = [column.name for column in one.columns]
    table = {
        name: pa.array(texts(values.ravel()) if category else values.ravel(), from_pandas=True)
        for name, category, values in zip(
            [*names, "score"], [*(column.category for column in one.columns), False], one.values, strict=True
        )
    }
    table["label"] = pa.array(one.labels.ravel().astype(np.int64))
    table["at"] = pa.array(np.repeat(starts, rows).astype("datetime64[ns]"))
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.table(table), Path(folder) / "log.parquet")
        asked = Asked(time="at", score="score", label="label", features=tuple(names))
        found = watch_log(Path(folder), str(Path(folder) / "log.parquet"), asked, _settings(one), lambda *_: None)
    after = starts[one.reference :]
    drifted, fallen, estimated = (np.zeros(len(after), dtype=bool) for _ in range(3))
    for evidence in found.evidence:
        drifted |= (after == evidence.window) & bool(evidence.alarming)
    for fall in found.falls:
        fallen |= (after >= fall.known - clock.DAY) & (after < (fall.ended or after[-1] + clock.DAY))
    for quality in found.quality:
        guess = quality.estimated
        if guess is not None and guess.value is not None and guess.error is not None and found.reference.quality:
            below = guess.value + SURE * guess.error < found.reference.quality - SMALLEST
            estimated |= (after == quality.window) & below
    return drifted, fallen, estimated


def _settings(one: Labelled) -> Settings:
    last = clock.to_iso(START + (one.reference - 1) * clock.DAY)[:10]
    return Settings(f"2024-01-01..{last}", metric="auc")


def _cut(stream: Stream, scores: np.ndarray, picked: np.ndarray, version: str, reference: int) -> Labelled:
    assert stream.labels is not None
    values = (*(column.values[picked] for column in stream.columns), scores[picked])
    return Labelled(stream.name, version, stream.columns, values, stream.labels[picked], reference)


def _scored(name: str) -> tuple[Stream, np.ndarray, int]:
    """The stream without rows that have no label, a score for each, and the first window that its model has not seen.

    Flights: boosted trees trained on January, referred to February and March.
    """
    stream = real.STREAMS[name]()
    assert stream.labels is not None
    known = ~np.isnan(stream.labels)
    columns = tuple(Column(column.name, column.category, column.values[known]) for column in stream.columns)
    scores = None if stream.scores is None else stream.scores[known]
    stream = Stream(name, columns, stream.days[known], stream.labels[known], scores, stream.trained)
    if scores is not None:
        return stream, scores, 0
    from sklearn.ensemble import HistGradientBoostingClassifier

    inputs = np.column_stack([column.values for column in columns])
    january = stream.days < 31
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(inputs[january], stream.labels[january])
    return stream, model.predict_proba(inputs)[:, 1], 31
