"""skl2onnx, for what we cannot write ourselves. It computes in single precision and guesses at what it does not know,
so nothing that it writes is used before the probes have been answered alike.
"""

from __future__ import annotations

from typing import Any

from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType


def convert(model: Any, features: list[dict[str, Any]], task: str) -> bytes:
    """The model, serialised: one input a feature, the answers as the first output."""
    types = [
        (feature["name"], (StringTensorType if feature["type"] == "category" else FloatTensorType)([None, 1]))
        for feature in features
    ]
    options = {id(model): {"zipmap": False}} if task == "classification" else None
    made = convert_sklearn(model, initial_types=types, options=options, target_opset={"": 21, "ai.onnx.ml": 3})
    if task == "classification":
        _keep_probabilities(made.graph)
    content: bytes = made.SerializeToString()
    return content


def _keep_probabilities(graph: Any) -> None:
    """Labels are ours to choose; not asking for them also saves their computation."""
    for output in list(graph.output):
        if "probabilit" not in output.name.lower():
            graph.output.remove(output)
