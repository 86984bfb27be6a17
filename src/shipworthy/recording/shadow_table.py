"""The Delta table of one shadow's answers.

    prediction_id string, id string?, arrived, event_time, window timestamp[us, UTC], release, shadow int,
    values, shadow_values list<double>, prediction, shadow_prediction string (classes) | double (regression),
    score, shadow_score double, error string?

The row is that of the live release's prediction; without `shadow_` are its answers. All of `shadow_` is null where the
shadow has no answer: `error` says why, and where it is null too, the shadow's contract refuses the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from deltalake import DeltaTable
from numpy.typing import NDArray

from shipworthy.counts.outputs import watched
from shipworthy.models.answers import Class
from shipworthy.predictions.columns import lists, predictions
from shipworthy.predictions.frames import Frame
from shipworthy.recording.table import PredictionTable, instants
from shipworthy.recording.times import Times

pc: Any = pyarrow.compute  # its published types do not know every overload


class ShadowTable(PredictionTable):
    """One shadow's answers, appended to exactly once."""

    def _fitted(self, rows: pa.Table, table: DeltaTable) -> pa.Table:
        return rows  # holds no features


def shadow_rows(
    whole: Frame, times: Times, window: int, release: int, classes: tuple[Class, ...], said: Any
) -> pa.Table:
    """A frame's rows, and what the shadow `release` with these classes said to them (a `shadow.Said`)."""
    none = pa.array(~said.answered)
    answers = np.nan_to_num(said.answers)
    return pa.table(
        {
            "prediction_id": whole.prediction_ids,
            "id": whole.ids,
            "arrived": instants(whole.arrived),
            "event_time": instants(times.said),
            "window": instants(times.said - times.said % window),
            "release": pa.repeat(pa.scalar(whole.header.release, pa.int32()), whole.rows),
            "shadow": pa.repeat(pa.scalar(release, pa.int32()), whole.rows),
            "values": lists(whole.values),
            "shadow_values": _null_where(none, lists(answers)),
            "prediction": predictions(whole.values, whole.header.classes),
            "shadow_prediction": _null_where(none, predictions(answers, classes)),
            "score": pa.array(scores(whole.values)),
            "shadow_score": _null_where(none, pa.array(scores(answers))),
            "error": pa.array(said.errors, pa.string()),
        }
    )


def scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the figure by which answers (n, k) are compared: a regression's prediction, a classification's score."""
    return watched(values)[0][1]


def _null_where(mask: pa.Array[Any], column: Any) -> Any:
    return pc.if_else(mask, pa.scalar(None, column.type), column)
