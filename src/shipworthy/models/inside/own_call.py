"""The library's own call: which method gives a model's answers, the table it is given, and what it costs."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from shipworthy.models.inside.categories import with_words
from shipworthy.models.inside.order import in_own_order

BATCH = 1000
SINGLES = 100  # different rows that one-row calls are timed with
_LONGEST = 0.3  # seconds spent on one timing
_FEWEST = 3


def own_call(model: Any, task: str) -> Callable[[Any], Any]:
    """The callable table -> answers: predict_proba of a classifier, predict of anything else.

    A booster has no predict_proba: what its predict gives is the probability of the second of two classes, or one
    probability a class.
    """
    if task == "regression":
        return in_own_order(model, with_words(model, model.predict))
    if hasattr(model, "predict_proba"):
        return in_own_order(model, with_words(model, model.predict_proba))
    predict = in_own_order(model, with_words(model, model.predict))

    def probabilities(table: Any) -> Any:
        numpy = importlib.import_module("numpy")
        said = numpy.asarray(predict(table), dtype=float)
        return numpy.column_stack([1.0 - said, said]) if said.ndim == 1 else said

    return probabilities


def as_table(table: Any, kind: str) -> Any:
    """An Arrow table as what the model was handed in training: a pandas or polars frame, an array (n, features), or
    the table itself.

    A boolean with gaps is a number with gaps in pandas, not a column of objects.
    """
    if kind == "polars":
        return importlib.import_module("polars").from_arrow(table)
    if kind == "pyarrow":
        return table
    if kind == "numpy":
        return _matrix(table)
    arrow = importlib.import_module("pyarrow")
    for place, field in enumerate(table.schema):
        if arrow.types.is_boolean(field.type) and table.column(place).null_count:
            numbers = table.column(place).cast(arrow.int8()).cast(arrow.float64())
            table = table.set_column(place, field.name, numbers)
    return table.to_pandas()


def _matrix(table: Any) -> Any:
    """Doubles with NaN for a null; objects with None for it where there are texts."""
    numpy, arrow = importlib.import_module("numpy"), importlib.import_module("pyarrow")
    if any(arrow.types.is_string(field.type) for field in table.schema):
        rows = numpy.empty((table.num_rows, table.num_columns), dtype=object)
        for place, column in enumerate(table.columns):
            rows[:, place] = column.to_pylist()
        return rows
    columns = [_plain(arrow, column) for column in table.columns]
    return numpy.column_stack([column.to_numpy() for column in columns])


def _plain(arrow: Any, column: Any) -> Any:
    if arrow.types.is_boolean(column.type):
        column = column.cast(arrow.int8())
    return column.cast(arrow.float64())


def timed(model: Any, spec: dict[str, Any]) -> dict[str, Any]:
    """Median microseconds of one row, and of a row in a batch, making the frame included."""
    call = own_call(model, spec["task"])
    rows = importlib.import_module("pyarrow.parquet").read_table(f"{spec['bundle']}/{spec['probes']}")
    rows = rows.select([feature["name"] for feature in spec["features"]])
    copies = -(-BATCH // rows.num_rows)
    batch = importlib.import_module("pyarrow").concat_tables([rows] * copies).slice(0, BATCH).combine_chunks()
    ones = [batch.slice(row, 1) for row in range(SINGLES)]
    return {
        "reason": "",
        "microseconds_one": median(lambda rows: call(as_table(rows, spec["table"])), ones, 300),
        "microseconds_batch": median(lambda rows: call(as_table(rows, spec["table"])), [batch], 15) / BATCH,
    }


def median(call: Callable[[Any], Any], inputs: Sequence[Any], times: int) -> float:
    """Median microseconds of a call, over inputs in turn, after one that warms up; fewer calls where they are long.

    One row over and over would flatter: a processor soon knows its way through the trees.
    """
    call(inputs[0])
    taken: list[int] = []
    end = time.perf_counter() + _LONGEST
    while len(taken) < times and (len(taken) < _FEWEST or time.perf_counter() < end):
        rows = inputs[len(taken) % len(inputs)]
        start = time.perf_counter_ns()
        call(rows)
        taken.append(time.perf_counter_ns() - start)
    return statistics.median(taken) / 1000
