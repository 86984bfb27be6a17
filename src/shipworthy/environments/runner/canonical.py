"""A digest of what a model is, not of how it happens to be written down.

Two fits of the same data give pickles that differ in memory order, padding or timings, while trees, coefficients and
parameters are equal. This walks over those: estimators by class and attributes, arrays by type, shape and values,
mappings and sets in the order of their contents. Boosters by their own text.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

# Attributes that hold how long something took, or a generator that is spent once the model is fitted.
_TIMINGS = ("_time", "_time_", "_times_")
_SPENT = frozenset({"_feature_subsample_rng", "_random_seed", "_rng"})


def fingerprint(model: Any) -> str | None:
    """64 hexadecimal characters; None where the family has no canonical form, or holds what has none."""
    if not _is_known(model):
        return None
    try:
        return _Walk().of(model).hex()
    except _NoFormError:
        return None


class _NoFormError(Exception):
    """Something that is told apart only by where it lies in memory."""


class _Walk:
    """One walk over a model; knows the objects that it stands in, so that a cycle ends."""

    def __init__(self) -> None:
        self._inside: dict[int, int] = {}

    def of(self, value: Any) -> bytes:
        """32 bytes."""
        plain = _plain(value)
        if plain is not None:
            return _digest(*plain)
        if id(value) in self._inside:
            return _digest(b"within", str(len(self._inside) - self._inside[id(value)]).encode())
        self._inside[id(value)] = len(self._inside)
        try:
            return self._of_compound(value)
        finally:
            del self._inside[id(value)]

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
        if _is(value, "lightgbm", "Booster"):
            return _digest(name, value.model_to_string(num_iteration=-1).encode())
        if _is_generator(value):
            return _digest(b"generator", name)
        if hasattr(value, "__dict__") and _is(value, "sklearn.base", "BaseEstimator"):
            return self._of_items(name, _lasting(vars(value)))
        return self._of_reduced(name, value)

    def _of_reduced(self, name: bytes, value: Any) -> bytes:
        """Anything else by what pickle would keep of it."""
        try:
            reduced = value.__reduce_ex__(2)
        except TypeError as error:
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


def _is_known(model: Any) -> bool:
    return _is(model, "sklearn.base", "BaseEstimator") or _is(model, "lightgbm", "Booster")


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
