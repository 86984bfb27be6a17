"""The binary tensor extension of the Open Inference Protocol: tensors as bytes behind the JSON that describes them."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from shipworthy.serving.problems import Problem

DTYPES = {
    "BOOL": "?",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_LENGTH = struct.Struct("<I")


class Described(Protocol):
    """An input, as the JSON describes it."""

    name: str
    datatype: Any
    data: list[Any] | None
    parameters: dict[str, Any]


def attach(inputs: Sequence[Described], content: memoryview[int]) -> None:
    """Give tensors their bytes, which stand behind the JSON in the order of the tensors."""
    place = 0
    for tensor in inputs:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise Problem(422, f"input {tensor.name}: binary_data_size: expected a number of bytes")
        if tensor.data is not None:
            raise Problem(422, f"input {tensor.name} has data in the JSON and behind it: expected one of them")
        if place + size > len(content):
            raise Problem(400, f"input {tensor.name} should have {size} bytes, {len(content) - place} are left")
        tensor.data = unpacked(tensor.name, tensor.datatype, content[place : place + size])
        place += size
    if place != len(content):
        raise Problem(400, f"{len(content) - place} bytes behind the JSON belong to no input")


def unpacked(name: str, datatype: str, content: memoryview[int]) -> list[Any]:
    """A tensor's values; NaN is null. Problem 400 where its bytes are not a whole number of them, or no UTF-8."""
    if datatype == "BYTES":
        return _texts(name, content)
    dtype = np.dtype(DTYPES[datatype])
    if len(content) % dtype.itemsize:
        raise Problem(400, f"input {name}: {len(content)} bytes are no whole number of {datatype} values")
    if datatype == "BOOL" and not set(content) <= {0, 1}:
        raise Problem(400, f"input {name}: a byte of a BOOL tensor is 0 or 1")
    array = np.frombuffer(content, dtype)
    values: list[Any] = array.tolist()
    if dtype.kind == "f" and np.isnan(array).any():
        return [None if math.isnan(value) else value for value in values]
    return values


def packed(datatype: str, values: Sequence[Any]) -> bytes:
    """A tensor's bytes; texts in UTF-8, each after its length (4 bytes, little-endian)."""
    if datatype == "BYTES":
        texts = [str(value).encode() for value in values]
        return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))
    return np.array(values, DTYPES[datatype]).tobytes()


def _texts(name: str, content: memoryview[int]) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(content):
        begin = place + _LENGTH.size
        if begin > len(content):
            raise Problem(400, f"input {name} ends within the length of a text")
        (length,) = _LENGTH.unpack(content[place:begin])
        place = begin + length
        if place > len(content):
            raise Problem(400, f"input {name} ends within a text of {length} bytes")
        try:
            found.append(str(content[begin:place], "utf-8"))
        except UnicodeDecodeError:
            raise Problem(400, f"input {name}: text {len(found)} is not UTF-8") from None
    return found
