"""An ONNX graph as an object that answers like any model. Goes with a bundle: needs NumPy and ONNX Runtime alone."""

from typing import Any

import numpy
import onnxruntime

NULL_TEXT = "\u2400"  # as everywhere else where a text is missing
_TYPES = {
    "tensor(float)": numpy.float32,
    "tensor(double)": numpy.float64,
    "tensor(int64)": numpy.int64,
    "tensor(bool)": numpy.bool_,
}


class OnnxModel:
    """Asked with an Arrow table; `graph` are the bytes of the file as its user wrote it."""

    shipworthy_table = "pyarrow"

    def __init__(self, graph: bytes) -> None:
        self.graph = graph
        self._open()

    def __getstate__(self) -> dict[str, Any]:
        return {"graph": self.graph}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.graph = state["graph"]
        self._open()

    def _open(self) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.graph, settings, providers=["CPUExecutionProvider"])
        self._inputs = self._session.get_inputs()
        for each in self._inputs:
            wide = each.shape[-1] != 1
            if len(each.shape) != 2 or (wide and (len(self._inputs) > 1 or each.type not in _TYPES)):
                raise ValueError(
                    f"the graph's input {each.name} is {each.type} of shape {each.shape}: expected a tensor (n, 1) a "
                    "feature, or one (n, features) of numbers"
                )
        outputs = self._session.get_outputs()
        named = [each for each in outputs if "prob" in each.name.lower() or each.type.startswith("seq")]
        self._output = (named or outputs)[0]

    def predict(self, table: Any) -> Any:
        """Answers to the rows of an Arrow table, (n,) or (n, k)."""
        said = self._session.run([self._output.name], self._feeds(table))[0]
        if isinstance(said, list):  # a map a row, from a class to its probability
            said = [list(row.values()) for row in said]
        return numpy.asarray(said, dtype=numpy.float64)

    def _feeds(self, table: Any) -> dict[str, Any]:
        if len(self._inputs) == 1 and self._inputs[0].shape[-1] != 1:
            columns = [numpy.asarray(column.to_numpy(), dtype=numpy.float64) for column in table.columns]
            return {self._inputs[0].name: numpy.column_stack(columns).astype(_TYPES[self._inputs[0].type])}
        return {each.name: self._column(each, table[each.name]) for each in self._inputs}

    def _column(self, each: Any, column: Any) -> Any:
        if each.type == "tensor(string)":
            texts = [NULL_TEXT if text is None else str(text) for text in column.to_pylist()]
            return numpy.array(texts, dtype=object).reshape(-1, 1)
        return column.to_numpy().astype(_TYPES[each.type]).reshape(-1, 1)
