"""One model call over the rows of several requests, and their log record."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy.models.records import Columns
from shipworthy.predictions.log import LogWriter
from shipworthy.serving.answer import Answer
from shipworthy.serving.live import Live
from shipworthy.serving.metrics import Metrics
from shipworthy.serving.problems import Problem
from shipworthy.serving.rows import Call, PackedRow, Row

MOST_ROWS = 16_384  # of one model call, unless a single request has more

Outcome = Answer | Problem

_logger = logging.getLogger(__name__)


class LogFailed(Exception):
    """The log took no record: nothing of it may be answered."""


def in_batches(calls: Sequence[Call]) -> Iterator[Sequence[Call]]:
    """Calls in their order, cut so that no model call grows without bound."""
    begin = rows = 0
    for index, call in enumerate(calls):
        if index > begin and rows + len(call.rows) > MOST_ROWS:
            yield calls[begin:index]
            begin, rows = index, 0
        rows += len(call.rows)
    if begin < len(calls):
        yield calls[begin:]


class Predicting:
    """Answers calls with a release, logging first."""

    def __init__(self, live: Live, log: LogWriter, metrics: Metrics) -> None:
        self.live, self._log, self._metrics = live, log, metrics

    def answer(self, calls: Sequence[Call], arrived: int, refused: Mapping[int, int]) -> list[Outcome]:
        """Outcomes of at least one call, in order. LogFailed. `refused` goes into the record (feature -> rows)."""
        try:
            rows = calls[0].rows if len(calls) == 1 else [row for call in calls for row in call.rows]
            columns, values = self.ask(rows)
        except Exception as error:  # whatever a model raises is that model's failure, not the worker's
            if refused:
                self.refuse(arrived, refused)
            if len(calls) == 1:
                self._metrics.add("shipworthy_model_errors_total")
                _logger.exception("the model failed on %d rows", len(calls[0].rows))
                return [Problem(500, f"the model failed: {type(error).__name__}: {error}"[:300])]
            # One request's rows must not fail the others'.
            return [self.answer([call], arrived, {})[0] for call in calls]
        offset = self._record(calls, arrived, columns, values, refused)
        return self._answers(calls, values, offset)

    def refuse(self, arrived: int, refused: Mapping[int, int]) -> None:
        """Log that rows were refused, where nothing was answered. LogFailed."""
        self._append(arrived, 0, [], np.empty((0, 1)), None, [], refused)

    def ask(self, rows: Sequence[Row | PackedRow]) -> tuple[Columns, NDArray[np.float64]]:
        """The columns of at least one row, and what the model says to them, (n, k). It may raise anything."""
        columns = self.live.format.columns(rows)
        began = time.perf_counter()
        values = self.live.runtime.predict(columns).values
        self._metrics.observe("shipworthy_model_seconds", time.perf_counter() - began)
        width = len(self.live.description.classes) or 1
        if values.shape != (len(rows), width):
            raise ValueError(f"answers of shape {values.shape}, expected {(len(rows), width)}")
        if not np.isfinite(values).all():
            raise ValueError("an answer is not a finite number")
        return columns, values

    def log(
        self,
        arrived: int,
        columns: Columns,
        values: NDArray[np.float64],
        ids: list[str | None] | None,
        flags: list[tuple[int, int]],
        refused: Mapping[int, int],
    ) -> int:
        """Log at least one row and its answer; the record's offset. LogFailed."""
        offset = self._append(arrived, len(values), columns, values, ids, flags, refused)
        self._metrics.add("shipworthy_rows_total", len(values))
        self._metrics.observe("shipworthy_batch_rows", len(values))
        return offset

    def _record(
        self,
        calls: Sequence[Call],
        arrived: int,
        columns: Columns,
        values: NDArray[np.float64],
        refused: Mapping[int, int],
    ) -> int:
        flags = _flags(calls)
        for _, feature in flags:
            self._metrics.violation(self.live.description.features[feature].name, "passed", 1)
        return self.log(arrived, columns, values, _caller_ids(calls), flags, refused)

    def _append(
        self,
        arrived: int,
        rows: int,
        columns: Columns,
        values: NDArray[np.float64],
        ids: list[str | None] | None,
        flags: list[tuple[int, int]],
        refused: Mapping[int, int],
    ) -> int:
        try:
            return self._log.append(arrived, rows, columns, values, ids, flags, refused)
        except OSError as error:
            raise LogFailed(f"the prediction log cannot be written: {error.strerror or error}") from error

    def begin(self, offset: int) -> str:
        """What the prediction ids of a record that was just logged begin with; the row's number comes next."""
        return f"{self._log.prefix}{offset}-"

    def _answers(self, calls: Sequence[Call], values: NDArray[np.float64], offset: int) -> list[Outcome]:
        numbers = values.tolist()
        said = self._said(values, numbers)
        begin = self.begin(offset)
        ids = [f"{begin}{number}" for number in range(len(numbers))]
        if len(calls) == len(ids):
            return [Answer([id_], [one], [row]) for id_, one, row in zip(ids, said, numbers, strict=True)]
        answers: list[Outcome] = []
        row = 0
        for call in calls:
            end = row + len(call.rows)
            answers.append(Answer(ids[row:end], said[row:end], numbers[row:end]))
            row = end
        return answers

    def _said(self, values: NDArray[np.float64], numbers: list[list[float]]) -> list[Any]:
        """The predictions, as `models.answers.prediction` has them: the first of equals."""
        classes = self.live.description.classes
        if not classes:
            return [row[0] for row in numbers]
        return [classes[likeliest] for likeliest in values.argmax(axis=1).tolist()]


def _caller_ids(calls: Sequence[Call]) -> list[str | None] | None:
    """One a row; a request's own id is its row's id where it has one row."""
    ids: list[str | None] = []
    named = False
    for call in calls:
        if call.ids is not None:
            ids += call.ids
            named = True
        elif len(call.rows) == 1:
            ids.append(call.id)
            named = named or call.id is not None
        else:
            ids += [None] * len(call.rows)
    return ids if named else None


def _flags(calls: Sequence[Call]) -> list[tuple[int, int]]:
    flags: list[tuple[int, int]] = []
    begin = 0
    for call in calls:
        if call.flags:
            flags += [(begin + row, feature) for row, feature in call.flags]
        begin += len(call.rows)
    return flags
