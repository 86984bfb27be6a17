"""ONNX Runtime: one tensor a feature, named as the feature, shape (n, 1); the answer is the first output.

A graph of our own takes all numbers as one tensor (n, k) instead, `NUMBERS`, because handing over a tensor costs a
microsecond. Otherwise the tensor's type is what the graph asks for. A null is NaN in a float or double tensor,
`NULL_TEXT` in a string tensor and -2**63 in an int64 tensor; whether the graph takes that for what the library takes a
null for, the probes decide.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shipworthy.errors import NotFound, WrongUse
from shipworthy.models.bundle import Bundle
from shipworthy.models.inside.convention import NULL_TEXT, NUMBERS
from shipworthy.models.records import NUMERIC, Answers, Columns, RuntimeName, SideBySide
from shipworthy.models.runtimes import FILES

Feed = Callable[[NDArray[Any]], NDArray[Any]]


class OnnxRuntime:
    """A session with one thread that does not spin: the cores belong to the workers, one each."""

    name: RuntimeName = "onnx"

    def __init__(self, bundle: Bundle) -> None:
        path = bundle.folder / FILES["onnx"]
        if not path.is_file():
            raise NotFound(f"{bundle.folder} has no {FILES['onnx']}: the model was not converted")
        self._session = onnxruntime.InferenceSession(
            path.read_bytes(), sess_options=_options(), providers=["CPUExecutionProvider"]
        )
        self._width = len(bundle.description.classes) or 1
        self._output = [self._session.get_outputs()[0].name]
        kinds = {put.name: put.type for put in self._session.get_inputs()}
        names = [feature.name for feature in bundle.description.features]
        listed = self._session.get_modelmeta().custom_metadata_map.get(NUMBERS, "[]")
        self._numbers = [names.index(name) for name in json.loads(listed)] if kinds.pop(NUMBERS, None) else []
        self._all_numbers = self._numbers == [
            index for index, feature in enumerate(bundle.description.features) if feature.type in NUMERIC
        ]
        unknown = sorted(set(kinds) - set(names))
        if unknown:
            raise WrongUse(f"{path} asks for {', '.join(unknown)}, which the model's features do not have")
        # A feature that the model leaves unused is no input of the graph.
        self._feeds: list[tuple[int, str, Feed]] = [
            (index, name, _FEEDS[kinds[name]]) for index, name in enumerate(names) if name in kinds
        ]

    def predict(self, columns: Columns) -> Answers:
        """Answers to n rows."""
        feeds = {name: feed(columns[index]) for index, name, feed in self._feeds}
        if self._all_numbers and isinstance(columns, SideBySide):
            feeds[NUMBERS] = columns.numbers
        elif self._numbers:
            feeds[NUMBERS] = _side_by_side([columns[index] for index in self._numbers])
        values = self._session.run(self._output, feeds)[0]
        if values.dtype != np.float64:
            values = values.astype(np.float64)
        return Answers(values.reshape(-1, self._width))


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what fails is raised; it need not be printed too
    return options


def _side_by_side(columns: Columns) -> NDArray[np.float64]:
    """(n, k) in double precision; for a few rows faster than filling it column by column."""
    rows = np.concatenate(columns, dtype=np.float64, casting="unsafe").reshape(len(columns), -1)
    return np.ascontiguousarray(rows.T)


def _doubles(column: NDArray[Any]) -> NDArray[Any]:
    return (column if column.dtype == np.float64 else column.astype(np.float64)).reshape(-1, 1)


def _singles(column: NDArray[Any]) -> NDArray[Any]:
    return column.astype(np.float32).reshape(-1, 1)


def _integers(column: NDArray[Any]) -> NDArray[Any]:
    return (column if column.dtype == np.int64 else column.astype(np.int64)).reshape(-1, 1)


def _booleans(column: NDArray[Any]) -> NDArray[Any]:
    return (column if column.dtype == np.bool_ else column.astype(np.bool_)).reshape(-1, 1)


def _texts(column: NDArray[Any]) -> NDArray[Any]:
    words = column.tolist()
    if None in words:
        column = np.array([NULL_TEXT if word is None else word for word in words], dtype=object)
    return column.reshape(-1, 1)


_FEEDS: dict[str, Feed] = {
    "tensor(double)": _doubles,
    "tensor(float)": _singles,
    "tensor(int64)": _integers,
    "tensor(bool)": _booleans,
    "tensor(string)": _texts,
}
