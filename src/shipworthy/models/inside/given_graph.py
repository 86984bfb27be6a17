"""A user's own ONNX graph: what it takes and gives, its answers as they are, and the same graph with our convention.

Ours is one output of answers in double precision, and inputs named as the features, or all numbers as one tensor.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow.parquet as pq
from onnx import TensorProto, helper

from shipworthy.models.inside.convention import NULL_TEXT, NUMBERS
from shipworthy.models.inside.graph import Unsupported
from shipworthy.models.inside.own_call import as_table

Spec = dict[str, Any]

_NUMBERS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64}
_TYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.INT64: np.int64,
    TensorProto.BOOL: np.bool_,
}


def look(spec: Spec) -> dict[str, Any]:
    """As the fields of models.adopting.Described."""
    graph = onnx.load(spec["file"])
    inputs = _inputs(graph)
    classes = _classes(graph)
    width = 1 if len(inputs) > 1 else _width(inputs[0])
    producer = f"{graph.producer_name or 'an unnamed producer'} {graph.producer_version}".strip()
    return {
        "described": {
            "family": f"ONNX graph of {producer}",
            "task": "regression" if classes is None else "classification",
            "classes": classes or [],
            "names": [each.name for each in inputs] if width == 1 else [],
            "inputs": len(inputs) if width == 1 else width,
            "table": "numpy",
            "parameters": {},
            "seeds": {},
            "distributions": [],
            "warnings": [],
        }
    }


def keep(spec: Spec) -> dict[str, Any]:
    """Writes the graph with our convention into the bundle."""
    graph = onnx.load(spec["file"])
    target = Path(spec["bundle"]) / spec["files"]["onnx"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(with_our_convention(graph, [feature["name"] for feature in spec["features"]]))
    return {"modules": [], "thresholds": {}, "canonical_digest": None}


def with_our_convention(graph: Any, names: list[str]) -> bytes:
    """The graph, serialised, with inputs and answers as ours have them; `names` are its columns, in its order."""
    inputs = _inputs(graph)
    if len(inputs) == 1 and (_width(inputs[0]) != 1 or names != [inputs[0].name]):
        _feed_numbers(graph, inputs[0], names)
    _keep_answers(graph)
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString()
    return content


def answer(spec: Spec) -> dict[str, Any]:
    """What the graph says as it was given."""
    session = onnxruntime.InferenceSession(spec["file"], providers=["CPUExecutionProvider"])
    graph = onnx.load(spec["file"])
    inputs, classes = _inputs(graph), spec["classes"]
    output = _answers_output(graph).name

    def ask(table: Any) -> Any:
        said = session.run([output], _feeds(inputs, table))[0]
        if isinstance(said, list):  # a map a row, from a class to its probability
            said = [[row[name] for name in classes] for row in said]
        return np.asarray(said, dtype=np.float64).reshape(table.num_rows, -1)

    for rows, answers in spec["tables"].items():
        np.save(answers, ask(pq.read_table(rows)), allow_pickle=False)
    return {}


def _inputs(graph: Any) -> list[Any]:
    """What it is fed. Unsupported where that is no table of columns."""
    constants = {each.name for each in graph.graph.initializer}
    found = [each for each in graph.graph.input if each.name not in constants]
    for each in found:
        kind, shape = each.type.tensor_type.elem_type, each.type.tensor_type.shape.dim
        if kind not in {*_TYPES, TensorProto.STRING} or len(shape) != 2:
            raise Unsupported(
                f"the input {each.name} is no table: expected a tensor (n, 1) a column, or one (n, columns) of numbers"
            )
        if _width(each) != 1 and (len(found) > 1 or kind not in _NUMBERS):
            raise Unsupported(f"the input {each.name} is one of several, or of texts, and is {_width(each)} wide")
    return found


def _width(put: Any) -> int:
    """How many columns a tensor has; 0 where that is not said."""
    return int(put.type.tensor_type.shape.dim[1].dim_value)


def _answers_output(graph: Any) -> Any:
    """The output of probabilities, else the first."""
    outputs = list(graph.graph.output)
    named = [each for each in outputs if "prob" in each.name.lower() or each.type.HasField("sequence_type")]
    return named[0] if named else outputs[0]


def _classes(graph: Any) -> list[Any] | None:
    """As its nodes name them, else by number; None where it predicts a number."""
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name.startswith("classlabels_") and (attribute.ints or attribute.strings):
                return list(attribute.ints) or [text.decode() for text in attribute.strings]
    output = _answers_output(graph).type.tensor_type
    width = output.shape.dim[1].dim_value if len(output.shape.dim) == 2 else 1
    return list(range(width)) if width > 1 else None


def _feed_numbers(graph: Any, put: Any, names: list[str]) -> None:
    width = _width(put)
    if width and width != len(names):
        raise Unsupported(f"the graph takes {width} numbers a row, the features are {len(names)}")
    cast = helper.make_node("Cast", [NUMBERS], [put.name], to=put.type.tensor_type.elem_type)
    wide = helper.make_tensor_value_info(NUMBERS, TensorProto.DOUBLE, [None, len(names)])
    nodes = [cast, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    graph.graph.input.remove(put)
    graph.graph.input.append(wide)
    _need_opset(graph)
    helper.set_model_props(graph, {NUMBERS: json.dumps(names)})


def _keep_answers(graph: Any) -> None:
    """One output, in double precision; a map of probabilities is taken before it was made one."""
    given = _answers_output(graph)
    name, flat = given.name, len(given.type.tensor_type.shape.dim) == 1
    maker = next((node for node in graph.graph.node if name in node.output), None)
    if maker is not None and maker.op_type == "ZipMap":
        name = maker.input[0]
        graph.graph.node.remove(maker)
    del graph.graph.output[:]
    graph.graph.node.append(helper.make_node("Cast", [name], [":answers"], to=TensorProto.DOUBLE))
    shape = [None] if flat else [None, None]
    graph.graph.output.append(helper.make_tensor_value_info(":answers", TensorProto.DOUBLE, shape))
    _need_opset(graph)


def _need_opset(graph: Any) -> None:
    if not any(each.domain in ("", "ai.onnx") for each in graph.opset_import):
        graph.opset_import.append(helper.make_opsetid("", 13))


def _feeds(inputs: list[Any], table: Any) -> dict[str, Any]:
    if len(inputs) == 1 and _width(inputs[0]) != 1:
        kind = _TYPES[inputs[0].type.tensor_type.elem_type]
        return {inputs[0].name: np.ascontiguousarray(as_table(table, "numpy"), dtype=kind)}
    return {each.name: _column(each, table[each.name]) for each in inputs}


def _column(put: Any, column: Any) -> Any:
    kind = put.type.tensor_type.elem_type
    if kind == TensorProto.STRING:
        texts = [NULL_TEXT if text is None else str(text) for text in column.to_pylist()]
        return np.array(texts, dtype=object).reshape(-1, 1)
    return column.to_numpy().astype(_TYPES[kind]).reshape(-1, 1)
