"""Rows and answers as every runtime takes and gives them, and the description of a bundle.

A bundle is a folder:

    bundle.json         BundleDescription
    model.pkl           the library's own object; opened only inside the user's environment
    code/               the project's own modules that model.pkl refers to, where it does
    probes.parquet      frozen probe rows: one column a feature, in the contract's order
    probe_answers.npy   float64 (n, k): probabilities (classification) or (n, 1) predictions (regression)
    holdout.parquet     features, target and time of the labelled rows held out
    holdout_answers.npy float64 (n, k) on them
    reference.json      counts.reference.Reference: what monitoring compares with
    runtimes/<name>/…   converted models
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Feature, Task

RuntimeName = Literal["onnx", "lightgbm", "xgboost", "catboost", "python", "stand-in"]

# One array a feature, in the contract's order, all of n rows:
#   float                float64, NaN where null
#   integer, boolean     int64 / bool; float64 with NaN where the feature is nullable
#   category             object (str), None where null
#   timestamp            int64, ns since 1970 UTC; -2**63 where null
Column = NDArray[np.generic]
Columns = Sequence[Column]
NULL_TIMESTAMP = -(2**63)


NUMERIC = ("float", "integer", "boolean")  # types of features that a double can stand for


class SideBySide(Sequence[Column]):
    """Columns whose numbers are at hand as one array, for whoever would otherwise have to join them.

    An array a column is made when one is asked for: for a single row, thirty of them cost more than reading it.
    """

    __slots__ = ("_columns", "_places", "_width", "apart", "numbers")

    def __init__(
        self, numbers: NDArray[np.float64], places: Sequence[int], apart: Mapping[int, Column], width: int
    ) -> None:
        self.numbers = numbers  # (n, k) in double precision: features that are float, integer or boolean, in order
        self.apart = apart  # by feature: columns that are no doubles, of which some stand among the numbers, too
        self._places, self._width = places, width  # the k features; how many there are in all
        self._columns: list[Column] | None = None

    @overload
    def __getitem__(self, index: int) -> Column: ...
    @overload
    def __getitem__(self, index: slice) -> list[Column]: ...
    def __getitem__(self, index: int | slice) -> Column | list[Column]:
        """One feature's column, or several."""
        return self._made()[index]

    def __len__(self) -> int:
        """How many features there are."""
        return self._width

    def __iter__(self) -> Iterator[Column]:
        """A column a feature."""
        return iter(self._made())

    def _made(self) -> list[Column]:
        if self._columns is None:
            doubles = zip(self._places, np.ascontiguousarray(self.numbers.T), strict=True)
            columns: dict[int, Column] = {**dict(doubles), **self.apart}
            self._columns = [columns[feature] for feature in range(self._width)]
        return self._columns


# What the user's functions and models are handed rows in.
TableKind = Literal["pandas", "polars", "pyarrow", "numpy"]


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model said to n rows."""

    values: NDArray[np.float64]  # (n, k) probabilities in the order of `classes`; (n, 1) predictions of a regression


class Runtime(Protocol):
    """One way of computing a model's answers. Not safe for several threads at once unless it says so."""

    name: RuntimeName

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows, n >= 1."""
        ...


class RuntimeVerdict(msgspec.Struct, frozen=True):
    """How a converted model compares with the library's own call."""

    name: RuntimeName
    file: str  # relative to the bundle; "" for the library's own call
    equal: bool
    probes: int  # rows compared
    largest_difference: float | None  # None: it could not be run at all
    microseconds_one: float | None  # median of one row
    microseconds_batch: float | None  # median of a row in a batch of 1,000
    reason: str  # why it is not equal or could not be made; "" otherwise


class BundleDescription(msgspec.Struct, frozen=True):
    """bundle.json."""

    version: int  # of this format: 1
    model: str
    task: Task
    features: tuple[Feature, ...]  # with `values` of categories as seen in training
    classes: tuple[str | int | float | bool, ...]  # () for regression
    target: str
    family: str  # e.g. "sklearn.pipeline.Pipeline"
    runtimes: tuple[RuntimeVerdict, ...]
    online: RuntimeName
    batch: RuntimeName
    table: TableKind = "pandas"  # what the model was handed rows in, in training and by its own call
