"""An ONNX graph in the making: double precision, a column known by tensor and place.

Its inputs are a string tensor (n, 1) a category, named as the feature, and one double tensor (n, k) of all numbers:
handing over a tensor costs a microsecond, so that a tensor a feature would cost more than the model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shipworthy.models.inside.convention import NUMBERS
from shipworthy.models.inside.convention import Unsupported as Unsupported

ML = "ai.onnx.ml"
OPSET = 21
SINGLE, DOUBLE = int(TensorProto.FLOAT), int(TensorProto.DOUBLE)
IR_VERSION = 10


class Column(NamedTuple):
    """One column of a tensor (n, width)."""

    tensor: str
    place: int
    width: int
    text: bool


class Graph:
    """Nodes and constants, and the features that were asked for."""

    def __init__(self, features: Sequence[dict[str, Any]]) -> None:
        self._kinds = {feature["name"]: feature["type"] for feature in features}
        self._words = {feature["name"]: list(feature.get("values") or ()) for feature in features}
        self._numbers = [name for name, kind in self._kinds.items() if kind not in ("category", "timestamp")]
        self._inputs: dict[str, Any] = {}
        self.ml_version = 5  # 4 still has the tree operators that 5 took away
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def features(self) -> dict[str, Column]:
        """The columns of all features, in the contract's order. Only those that are used become inputs."""
        places = {name: place for place, name in enumerate(self._numbers)}
        return {
            name: Column(NUMBERS, places[name], len(places), text=False)
            if name in places
            else Column(name, 0, 1, kind == "category")
            for name, kind in self._kinds.items()
        }

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Adds a node with one output; the output's name."""
        for name in inputs:
            self._use(name)
        output = f":{len(self._nodes)}"  # no feature's name: those of a contract hold no colon
        self._nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, value: Any) -> str:
        """A constant: an array, or texts."""
        name = f":constant{len(self._constants)}"
        self._constants.append(tensor(value, name))
        return name

    def numbers(self, columns: Sequence[Column]) -> str:
        """Columns of numbers as one double tensor (n, len(columns))."""
        if any(column.text for column in columns):
            names = ", ".join(column.tensor for column in columns if column.text)
            raise Unsupported(f"texts ({names}) where numbers are expected")
        parts = [self._part(name, list(group)) for name, group in groupby(columns, key=lambda column: column.tensor)]
        if not parts:
            raise Unsupported("the model uses no feature")
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=1)

    def words(self, column: Column) -> list[str]:
        """The words that a category is known to have."""
        if not column.text or column.tensor not in self._words:
            raise Unsupported(f"{column.tensor} is a category in the model, and no text of the contract's")
        return self._words[column.tensor]

    def block(self, name: str, width: int) -> list[Column]:
        """The columns of a double tensor (n, width)."""
        return [Column(name, place, width, text=False) for place in range(width)]

    def finish(self, output: str) -> bytes:
        """The model, serialised, with one output."""
        end = helper.make_node("Identity", [output], ["answers"])
        answers = helper.make_tensor_value_info("answers", TensorProto.DOUBLE, [None, None])
        graph = helper.make_graph(
            [*self._nodes, end], "model", list(self._inputs.values()), [answers], initializer=self._constants
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, self.ml_version)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="shipworthy")
        helper.set_model_props(model, {NUMBERS: json.dumps(self._numbers)})
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content

    def _part(self, name: str, columns: list[Column]) -> str:
        places = [column.place for column in columns]
        if places == list(range(columns[0].width)):
            return self._use(name)
        return self.op("Gather", name, self.constant(np.array(places, dtype=np.int64)), axis=1)

    def _use(self, name: str) -> str:
        kind = self._kinds.get(name)
        if kind == "timestamp":
            raise Unsupported(f"the timestamp {name} is an input of the model itself")
        if name == NUMBERS:
            self._inputs[name] = helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, len(self._numbers)])
        elif kind is not None:
            self._inputs[name] = helper.make_tensor_value_info(name, TensorProto.STRING, [None, 1])
        return name


def tensor(value: Any, name: str = "") -> Any:
    """A TensorProto of numbers or of texts."""
    array = np.asarray(value)
    if array.dtype.kind in "UO":
        texts: Any = [str(text).encode() for text in array.ravel().tolist()]
        return helper.make_tensor(name, TensorProto.STRING, array.shape, texts)
    return numpy_helper.from_array(np.ascontiguousarray(array), name)
