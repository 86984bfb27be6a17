"""A digest of what a model is, not of how it happens to be written down.

Two fits of the same data give pickles that differ in memory order, padding or timings, while trees, coefficients and
parameters are equal. This walks over those: estimators by class and attributes, arrays by type, shape and values,
mappings and sets in the order of their contents, tensors by type, shape and values. Boosters by what they write of
themselves, less the names and times that they give each training.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
import tempfile
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

# Attributes that hold how long something took, or a generator that is spent once the model is fitted.
_TIMINGS = ("_time", "_time_", "_times_")
_SPENT = frozenset({"_feature_subsample_rng", "_random_seed", "_rng"})


def fingerprint(model: Any) -> str | None:
    """64 hexadecimal characters; None for what is no model, or holds something that has no canonical form."""
    answers = hasattr(model, "predict") or hasattr(model, "predict_proba")
    if not answers and not _is(model, "torch.nn", "Module"):
        return None
    try:
        return _Walk().of(model).hex()
    except (_NoFormError, RecursionError):
        return None


class _NoFormError(Exception):
    """Something that is told apart only by where it lies in memory."""


class _Walk:
    """One walk over a model; knows the objects that it stands in, so that a cycle ends, and those that it has seen, so
    that what is shared is walked over once.
    """

    def __init__(self) -> None:
        self._inside: dict[int, int] = {}
        self._seen: dict[int, tuple[Any, bytes]] = {}  # the object too, so that its number is not given to another
        self._outermost = 0  # how far out the newest cycle went

    def of(self, value: Any) -> bytes:
        """32 bytes."""
        plain = _plain(value)
        if plain is not None:
            return _digest(*plain)
        if id(value) in self._inside:
            self._outermost = min(self._outermost, self._inside[id(value)])
            return _digest(b"within", str(len(self._inside) - self._inside[id(value)]).encode())
        if id(value) in self._seen:
            return self._seen[id(value)][1]
        depth, outside = len(self._inside), self._outermost
        self._inside[id(value)] = self._outermost = depth
        try:
            found = self._of_compound(value)
        finally:
            del self._inside[id(value)]
        if self._outermost == depth:  # nothing in it refers to what it stands in: it means the same anywhere
            self._seen[id(value)] = value, found
        self._outermost = min(self._outermost, outside)
        return found

    def _of_compound(self, value: Any) -> bytes:
        if isinstance(value, dict):
            return self._of_items(b"dict", value.items())
        if isinstance(value, list | tuple):
            return _digest(type(value).__name__.encode(), *(self.of(each) for each in value))
        if isinstance(value, set | frozenset):
            return _digest(b"set", *sorted(self.of(each) for each in value))
        if _is(value, "numpy", "ndarray"):
            return self._of_array(value)
        if _is(value, "numpy", "generic"):
            return self._of_array(sys.modules["numpy"].asarray(value))
        return self._of_object(value)

    def _of_items(self, tag: bytes, items: Iterable[tuple[Any, Any]]) -> bytes:
        return _digest(tag, *sorted(self.of(key) + self.of(item) for key, item in items))

    def _of_array(self, array: Any) -> bytes:
        shape = str(array.shape).encode()
        if array.dtype.names:  # field by field: what lies between them in memory is not defined
            fields = (self.of(name) + self._of_array(array[name]) for name in array.dtype.names)
            return _digest(b"fields", shape, *fields)
        if array.dtype.hasobject:
            return _digest(b"objects", shape, *(self.of(each) for each in array.ravel().tolist()))
        return _digest(b"array", array.dtype.str.encode(), shape, array.tobytes())

    def _of_object(self, value: Any) -> bytes:
        name = _name(type(value)).encode()
        written = next((write(value) for library, kind, write in _BOOSTERS if _is(value, library, kind)), None)
        if written is not None:
            return _digest(name, self.of(written))
        if _is(value, "torch", "Tensor"):
            return self._of_tensor(name, value)
        if _is_generator(value):
            return _digest(b"generator", name)
        if hasattr(value, "__dict__") and _is(value, "sklearn.base", "BaseEstimator"):
            return self._of_items(name, _lasting(vars(value)))
        return self._of_reduced(name, value)

    def _of_tensor(self, name: bytes, tensor: Any) -> bytes:
        torch = sys.modules["torch"]
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise _NoFormError(f"a tensor of layout {tensor.layout}")
        whole = tensor.detach().cpu().contiguous()
        content = whole.reshape(-1).view(torch.uint8).numpy().tobytes()
        return _digest(name, str(tensor.dtype).encode(), str(tuple(tensor.shape)).encode(), content)

    def _of_reduced(self, name: bytes, value: Any) -> bytes:
        """Anything else by what pickle would keep of it."""
        try:
            reduced = value.__reduce_ex__(2)
        except Exception as error:  # of any class
            raise _NoFormError(str(error)) from None
        if isinstance(reduced, str):
            return _digest(name, reduced.encode())
        arguments, state, listed, mapped = (tuple(reduced[1:]) + (None,) * 4)[:4]
        if isinstance(state, dict):
            state = dict(_lasting(state))
        parts = (self.of(part) for part in (reduced[0], arguments, state))
        return _digest(name, *parts, self.of(list(listed or ())), self.of(dict(mapped or ())))


def _plain(value: Any) -> tuple[bytes, ...] | None:
    """Values without parts, as a kind and bytes; None for any other."""
    if value is None or isinstance(value, bool | ModuleType):
        return b"constant", (value.__name__ if isinstance(value, ModuleType) else str(value)).encode()
    if isinstance(value, Enum):
        return b"enum", _name(type(value)).encode(), value.name.encode()
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return b"named", _name(value).encode()
    write = _WRITERS.get(type(value))
    return (type(value).__name__.encode(), write(value)) if write else None


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    int: lambda value: str(value).encode(),
    float: lambda value: struct.pack("<d", value),
    str: lambda value: value.encode("utf-8", "surrogatepass"),
    bytes: bytes,
    bytearray: bytes,
}


def _name(value: Any) -> str:
    name = f"{value.__module__}.{value.__qualname__}"
    if "<" in name:  # a lambda or a local function: two of them may share the name
        raise _NoFormError(name)
    return name


def _lasting(attributes: dict[str, Any]) -> list[tuple[str, Any]]:
    kept = []
    for name, value in attributes.items():
        if name in _SPENT or name.endswith(_TIMINGS):
            continue
        if name == "cv_results_":
            value = {key: each for key, each in value.items() if not key.endswith(_TIMINGS)}  # noqa: PLW2901
        kept.append((name, value))
    return kept


# What CatBoost writes of a training that says nothing of the model: an id of its own, the time, the course of the loss.
_OF_A_TRAINING = ("model_guid", "train_finish_time", "training")


def _of_catboost(model: Any) -> dict[str, Any] | None:
    """Trees, borders, statistics and parameters; a table of statistics in the order of its keys."""
    if not model.is_fitted():
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.json"
        try:
            model.save_model(str(file), format="json")
        except Exception as error:  # of models over texts
            raise _NoFormError(str(error)) from None
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    about = found.get("model_info", {})
    found["model_info"] = {name: value for name, value in about.items() if name not in _OF_A_TRAINING}
    for table in (found.get("ctr_data") or {}).values():
        flat, stride = table["hash_map"], table["hash_stride"]
        table["hash_map"] = sorted(flat[place : place + stride] for place in range(0, len(flat), stride))
    return found


_BOOSTERS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("lightgbm", "Booster", lambda booster: booster.model_to_string(num_iteration=-1)),
    ("xgboost", "Booster", lambda booster: bytes(booster.save_raw("json"))),
    ("catboost", "CatBoost", _of_catboost),
)


def _is_generator(value: Any) -> bool:
    return any(_is(value, "numpy.random", name) for name in ("RandomState", "Generator", "BitGenerator"))


def _is(value: Any, module: str, name: str) -> bool:
    """isinstance, of a class that exists only if its module was imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _digest(*parts: bytes) -> bytes:
    """Of parts with their lengths, so that ("ab", "c") is not ("a", "bc")."""
    seen = hashlib.sha256()
    for part in parts:
        seen.update(len(part).to_bytes(8, "little"))
        seen.update(part)
    return seen.digest()
