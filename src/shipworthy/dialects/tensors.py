"""The Open Inference Protocol, version 2, in JSON: a tensor a feature, or one tensor of all features side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipworthy.contract.records import Feature, FeatureType
from shipworthy.dialects.records import Inexpressible, Row, Said, Unreadable, decoded, encoded

_DATATYPES: dict[FeatureType, str] = {
    "float": "FP64",
    "integer": "INT64",
    "boolean": "BOOL",
    "category": "BYTES",
    "timestamp": "BYTES",
}
_PREDICTIONS = ("prediction", "predict", "label", "output_label", "variable", "output", "output-0")
_SHARES = ("probabilities", "predict_proba", "output_probability")


@dataclass(frozen=True, slots=True)
class Tensors:
    """Rows as input tensors of shape [n], or as one of shape [n, features] where `matrix` names it."""

    features: tuple[Feature, ...]
    pointer: str = ""  # the name of the output that is the answer; "" for the usual ones
    matrix: str = ""
    datatypes: Mapping[str, str] | None = None  # that the service asks for, by tensor; else those of the features
    name = "v2"
    many = True

    def body(self, rows: Sequence[Row]) -> bytes:
        """See Dialect."""
        if self.matrix:
            return encoded({"inputs": [self._side_by_side(rows)]})
        names = [feature.name for feature in self.features if feature.name in rows[0]]
        further = [name for name in rows[0] if name not in names]
        if any(set(row) != set(rows[0]) for row in rows):
            raise Inexpressible("tensors hold a value of every row")
        return encoded({"inputs": [self._tensor(name, rows) for name in [*names, *further]]})

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """See Dialect."""
        inputs = _tensors(decoded(body), "inputs")
        if self.matrix:
            width = len(self.features)
            flat = _flat(inputs.get(self.matrix, {}).get("data"))
            names = [feature.name for feature in self.features]
            if not flat or len(flat) % width:
                raise Unreadable(f"the tensor {self.matrix!r} has {len(flat)} values; expected {width} a row")
            return [dict(zip(names, flat[at : at + width], strict=True)) for at in range(0, len(flat), width)]
        columns = {name: _flat(tensor.get("data")) for name, tensor in inputs.items()}
        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise Unreadable("the tensors of the request hold different numbers of rows")
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def said(self, body: bytes) -> list[Said]:
        """See Dialect."""
        outputs = _tensors(decoded(body), "outputs")
        predictions = self._output(outputs, (self.pointer,) if self.pointer else _PREDICTIONS)
        shares = self._output(outputs, () if self.pointer else _SHARES)
        if predictions is None and shares is None and len(outputs) == 1:
            predictions = _by_row(next(iter(outputs.values())))
        if predictions is None and shares is None:
            raise Unreadable(
                f"the answer has the outputs {', '.join(outputs) or 'none'}; expected one of "
                f"{', '.join((self.pointer,) if self.pointer else (*_PREDICTIONS, *_SHARES))}"
            )
        ids = self._output(outputs, ("prediction_id",)) or []
        rows = max(len(predictions or []), len(shares or []))
        return [_said(row, predictions, shares, ids) for row in range(rows)]

    @staticmethod
    def _output(outputs: Mapping[str, Any], names: Sequence[str]) -> list[list[Any]] | None:
        return next((_by_row(outputs[name]) for name in names if name in outputs), None)

    def _tensor(self, name: str, rows: Sequence[Row]) -> dict[str, Any]:
        kinds = {feature.name: _DATATYPES[feature.type] for feature in self.features} | dict(self.datatypes or {})
        data = [row[name] for row in rows]
        return {"name": name, "shape": [len(rows)], "datatype": kinds.get(name, "BYTES"), "data": data}

    def _side_by_side(self, rows: Sequence[Row]) -> dict[str, Any]:
        names = [feature.name for feature in self.features]
        if any(set(row) != set(names) for row in rows):
            raise Inexpressible("one tensor has no place for a key that is missing, or that is not known")
        kind = (self.datatypes or {}).get(self.matrix, "FP64")
        data = [[row[name] for name in names] for row in rows]
        return {"name": self.matrix, "shape": [len(rows), len(names)], "datatype": kind, "data": data}


def _said(row: int, predictions: list[list[Any]] | None, shares: list[list[Any]] | None, ids: list[list[Any]]) -> Said:
    values = predictions[row] if predictions and row < len(predictions) else []
    probabilities = tuple(shares[row]) if shares and row < len(shares) else ()
    if len(values) > 1 and not probabilities:
        probabilities, values = tuple(values), []
    id_ = str(ids[row][0]) if row < len(ids) else None
    return Said(values[0] if values else None, tuple(float(share) for share in probabilities), (), id_)


def _tensors(document: Any, key: str) -> dict[str, dict[str, Any]]:
    found = document.get(key) if isinstance(document, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) and "name" in one for one in found):
        raise Unreadable(f"the body has no tensors under {key!r}")
    if any("data" not in one for one in found):
        raise Unreadable(f"the {key} hold no data in JSON: tensors as bytes are not read here")
    return {str(one["name"]): one for one in found}


def _by_row(tensor: Mapping[str, Any]) -> list[list[Any]]:
    flat, shape = _flat(tensor["data"]), tensor.get("shape")
    if not isinstance(shape, list) or not shape or not all(isinstance(size, int) and size > 0 for size in shape):
        raise Unreadable(f"output {tensor['name']!r} has the shape {shape}; expected whole numbers")
    rows = shape[0]
    width, left = divmod(len(flat), rows)
    if left or not width:
        raise Unreadable(f"output {tensor['name']!r} holds {len(flat)} values, which is not its shape {shape}")
    return [flat[at : at + width] for at in range(0, len(flat), width)]


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    return [value for item in data for value in _flat(item)]
