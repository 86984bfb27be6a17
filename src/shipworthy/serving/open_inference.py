"""The Open Inference Protocol, version 2: one tensor a feature, of shape [n] or [n, 1], as JSON or as bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from shipworthy.contract.records import Feature
from shipworthy.models.records import BundleDescription
from shipworthy.serving.answer import Answer, Class
from shipworthy.serving.problems import NO_JSON, Problem, malformed
from shipworthy.serving.responses import BINARY, Reply
from shipworthy.serving.rows import Call, RowFormat
from shipworthy.serving.tensors import attach, packed
from shipworthy.serving.violations import examine

Datatype = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]
INTEGERS = frozenset(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))
FLOATS = frozenset({"FP16", "FP32", "FP64"})
TAKEN = {
    "float": FLOATS | INTEGERS,
    "integer": INTEGERS,
    "boolean": frozenset({"BOOL"}),
    "category": frozenset({"BYTES"}),
    "timestamp": frozenset({"INT64", "BYTES"}),
}
OFFERED: dict[str, Datatype] = {
    "float": "FP64",
    "integer": "INT64",
    "boolean": "BOOL",
    "category": "BYTES",
    "timestamp": "BYTES",
}


class Tensor(msgspec.Struct):
    """An input."""

    name: str
    shape: list[int]
    datatype: Datatype
    data: list[Any] | None = None  # None: its bytes stand behind the JSON
    parameters: dict[str, Any] = {}


class Wanted(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class Asked(msgspec.Struct):
    """An inference request."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[Wanted] | None = None


class OpenCall(Call, frozen=True):
    """A call that names the outputs that it wants."""

    outputs: tuple[str, ...] = ()
    binary: frozenset[str] = frozenset()  # outputs that are wanted as bytes


class Output(msgspec.Struct, frozen=True, omit_defaults=True):
    """An output tensor."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, int] | None = None


class Inferred(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer's body."""

    model_name: str
    model_version: str
    outputs: list[Output]
    id: str | None = None


class OpenInference:
    """Reads requests and writes answers of one release."""

    plain_errors = True

    def __init__(self, release: int, description: BundleDescription, max_rows: int) -> None:
        self._release, self._description, self._max_rows = release, description, max_rows
        self._features = description.features
        self._by_name = {feature.name: index for index, feature in enumerate(self._features)}
        self._format = RowFormat(self._features)
        row: Any = self._format.type
        self._rows: Any = list[row]
        self._decode = msgspec.json.Decoder(Asked).decode
        self._encode = msgspec.json.Encoder().encode
        self.outputs = tuple(name for name, _, _ in outputs(description))

    def read(self, body: bytes | bytearray, described: int | None = None) -> Call:
        """The checked rows of a request. Problem 400, 422."""
        text: Any = body
        if described is not None:
            if described > len(body):
                raise Problem(400, f"{described} bytes of JSON were announced, the body has {len(body)}")
            text = memoryview(body)[:described]
        try:
            asked = self._decode(text)
        except msgspec.ValidationError as error:
            raise Problem(422, str(error)) from None
        except NO_JSON as error:
            raise malformed(error, bytes(text)) from None
        if described is not None:
            attach(asked.inputs, memoryview(body)[described:])
        rows = self._objects(asked)
        wanted = self._wanted(asked)
        try:
            checked = Call(self._format.rows(msgspec.convert(rows, self._rows)))
        except (msgspec.ValidationError, OverflowError):
            checked = examine(self._features, rows)
        if described is not None and not _finite(checked.rows):
            checked = examine(self._features, rows)  # bytes can hold infinities, which JSON cannot
        binary = _in_binary(asked, wanted)
        return OpenCall(checked.rows, asked.id, None, checked.flags, _deadline(asked.parameters), wanted, binary)

    def write(self, call: Call, answer: Answer) -> Reply:
        """The answer; tensors that are wanted as bytes follow its JSON."""
        wanted, binary = (call.outputs, call.binary) if isinstance(call, OpenCall) else (self.outputs, frozenset())
        count = len(answer.ids)
        types = {name: datatype for name, datatype, _ in outputs(self._description)}
        said: list[Any] = answer.predictions
        if types["prediction"] == "BYTES":
            said = list(map(str, said))
        tensors: dict[str, tuple[list[int], list[Any]]] = {
            "prediction": ([count], said),
            "probabilities": (
                [count, len(self._description.classes)],
                [value for row in answer.values for value in row],
            ),
            "prediction_id": ([count], answer.ids),
        }
        chosen: list[Output] = []
        behind: list[bytes] = []
        for name in wanted:
            shape, data = tensors[name]
            if name in binary:
                behind.append(packed(types[name], data))
                chosen.append(Output(name, shape, types[name], None, {"binary_data_size": len(behind[-1])}))
            else:
                chosen.append(Output(name, shape, types[name], data))
        text = self._encode(Inferred(self._description.model, str(self._release), chosen, call.id))
        if not behind:
            return Reply(200, text)
        length = b"inference-header-content-length: %d\r\n" % len(text)
        return Reply(200, b"".join([text, *behind]), BINARY, length)

    def _objects(self, asked: Asked) -> list[dict[str, Any]]:
        """The tensors as one object a row."""
        names = [tensor.name for tensor in asked.inputs]
        if not names:
            raise Problem(422, f"inputs is empty: expected a tensor each of {', '.join(self._by_name)}")
        if len(set(names)) != len(names):
            raise Problem(422, f"inputs names a tensor twice: {', '.join(names)}")
        columns = [self._flat(tensor) for tensor in asked.inputs]
        lengths = {len(column) for column in columns}
        if len(lengths) != 1:
            raise Problem(422, f"inputs have different numbers of rows: {', '.join(map(str, sorted(lengths)))}")
        if not 1 <= len(columns[0]) <= self._max_rows:
            raise Problem(422, f"inputs have {len(columns[0])} rows: expected 1 to {self._max_rows}")
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def _flat(self, tensor: Tensor) -> list[Any]:
        """A tensor's values, one a row."""
        shape = tensor.shape
        if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise Problem(422, f"input {tensor.name} has shape {shape}: expected [n] or [n, 1], one tensor a feature")
        data = tensor.data
        if data is None:
            raise Problem(422, f"input {tensor.name} has no data: expected them in the JSON, or as bytes behind it")
        if data and all(isinstance(value, list) for value in data):
            if any(len(value) != 1 for value in data):
                raise Problem(422, f"input {tensor.name}: expected one value a row in nested data")
            data = [value[0] for value in data]
        if len(data) != shape[0]:
            raise Problem(422, f"input {tensor.name} has shape {shape} but {len(data)} values")
        self._check_datatype(tensor)
        return data

    def _check_datatype(self, tensor: Tensor) -> None:
        index = self._by_name.get(tensor.name)
        if index is None:
            return  # refused with the likely typo when the row is looked at
        taken = TAKEN[self._features[index].type]
        if tensor.datatype not in taken:
            raise Problem(
                422, f"input {tensor.name} has datatype {tensor.datatype}: expected {' or '.join(sorted(taken))}"
            )

    def _wanted(self, asked: Asked) -> tuple[str, ...]:
        if not asked.outputs:
            return self.outputs
        names = tuple(dict.fromkeys(output.name for output in asked.outputs))
        unknown = [name for name in names if name not in self.outputs]
        if unknown:
            raise Problem(422, f"there is no output {', '.join(unknown)}: expected some of {', '.join(self.outputs)}")
        return names


def _finite(rows: Sequence[Any]) -> bool:
    return all(math.isfinite(value) for row in rows for value in row if isinstance(value, float))


def _in_binary(asked: Asked, wanted: Sequence[str]) -> frozenset[str]:
    """Outputs that are wanted as bytes: one by one, or by the request for all that do not say."""
    usual = asked.parameters.get("binary_data_output", False) is True
    said = {output.name: output.parameters.get("binary_data", usual) is True for output in asked.outputs or ()}
    return frozenset(name for name in wanted if said.get(name, usual))


def _deadline(parameters: dict[str, Any]) -> float | None:
    """The protocol's clients send `timeout`, in microseconds; 0 is none."""
    timeout = parameters.get("timeout", 0)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout < math.inf:
        raise Problem(422, f"parameters.timeout is {str(timeout)[:40]}: expected microseconds from 0")
    return timeout / 1e6 or None if timeout < _LONGEST else None


_LONGEST = 2**63  # microseconds: a longer timeout is none


def outputs(description: BundleDescription) -> list[tuple[str, str, list[int]]]:
    """The outputs of a model: name, datatype, shape (-1 for the number of rows)."""
    if not description.classes:
        return [("prediction", "FP64", [-1]), ("prediction_id", "BYTES", [-1])]
    return [
        ("prediction", _datatype(description.classes), [-1]),
        ("probabilities", "FP64", [-1, len(description.classes)]),
        ("prediction_id", "BYTES", [-1]),
    ]


def metadata(description: BundleDescription, release: int) -> dict[str, Any]:
    """The answer to GET /v2/models/{m}."""
    return {
        "name": description.model,
        "versions": [str(release)],
        "platform": f"shipworthy_{description.online}",
        "inputs": [_input(feature) for feature in description.features],
        "outputs": [
            {"name": name, "datatype": datatype, "shape": shape} for name, datatype, shape in outputs(description)
        ],
    }


def _input(feature: Feature) -> dict[str, Any]:
    return {"name": feature.name, "datatype": OFFERED[feature.type], "shape": [-1]}


def _datatype(classes: Sequence[Class]) -> str:
    if all(isinstance(class_, bool) for class_ in classes):
        return "BOOL"
    if all(isinstance(class_, int) and not isinstance(class_, bool) for class_ in classes):
        return "INT64"
    return "FP64" if all(isinstance(class_, float) for class_ in classes) else "BYTES"
