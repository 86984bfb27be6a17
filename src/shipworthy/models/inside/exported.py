"""A program that torch has exported, as a model: asked with an array (n, features), it answers (n, k).

Answers of several columns that are probabilities make it a classifier of classes 0, 1, …; else it is a regression.
"""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np

from shipworthy.models.inside.convention import Unsupported

TOLERANCE = 1e-4  # of probabilities that add up to one, in single precision


class Exported:
    """Kept as the bytes of its file, so that a pickle of it needs torch when it is asked, and not before."""

    exported_from = "torch.export.ExportedProgram"

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._open()
        asked = np.random.default_rng(0).normal(size=(2, self.n_features_in_))
        said = self.predict(asked)
        if said.ndim == 2 and said.shape[1] > 1:
            if not (np.all(said >= 0) and np.allclose(said.sum(axis=1), 1.0, atol=TOLERANCE)):
                raise Unsupported(
                    f"the program answers {said.shape[1]} numbers a row that are no probabilities; expected one "
                    "number, or probabilities: export it with the softmax in it"
                )
            self.classes_ = np.arange(said.shape[1])

    def predict(self, rows: Any) -> Any:
        """(n, k) float64."""
        torch = importlib.import_module("torch")
        with torch.no_grad():
            said = self._ask(torch.as_tensor(np.asarray(rows, dtype=np.float64)).to(self._type))
        return said.numpy().astype(np.float64)

    def graph(self) -> Any:
        """The program as an ONNX model, by torch's own exporter."""
        torch = importlib.import_module("torch")
        return torch.onnx.export(self._program, dynamo=True, verbose=False).model_proto

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name in ("content", "classes_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._open()

    def _open(self) -> None:
        torch = importlib.import_module("torch")
        self._program = torch.export.load(io.BytesIO(self.content))
        names = self._program.graph_signature.user_inputs
        given = [
            node.meta["val"] for node in self._program.graph.nodes if node.op == "placeholder" and node.name in names
        ]
        if len(given) != 1 or given[0].ndim != 2 or isinstance(given[0].shape[0], int):
            raise Unsupported(
                "expected a program of one tensor (n, features), exported with n left open (dynamic_shapes)"
            )
        self._type = given[0].dtype
        self.n_features_in_ = int(given[0].shape[1])
        self._ask = self._program.module()
