"""What an answer in JSON says of each row, wherever it keeps that: by a pointer, or where services usually do. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shipworthy.dialects.records import Said, Unreadable

# In this order: what holds the answers of all rows, and what one answer calls its parts.
_ALL = ("predictions", "prediction", "outputs", "results", "result", "answers", "scores", "score", "y")
_ONE = ("prediction", "predicted", "value", "score", "label", "class", "result", "output", "y")
_SHARES = ("probabilities", "probability", "proba", "scores")
_NUMBERS = (int, float)


def said_by(document: Any, pointer: str = "") -> list[Said]:
    """Answers of a decoded body, a row each; `pointer` (RFC 6901) leads to them. Unreadable."""
    found = at(document, pointer) if pointer else _usual(document)
    if isinstance(found, list):
        return [one(item) for item in found]
    return [one(found)]


def at(document: Any, pointer: str) -> Any:
    """What a JSON pointer such as /result/0 leads to. Unreadable where nothing is there."""
    value = document
    for part in pointer.removeprefix("/").split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise Unreadable(f"the answer has nothing at {pointer}: expected {key!r} in {_outline(value)}")
    return value


def one(item: Any) -> Said:
    """What was said to one row: a number, a class, probabilities, or an object that holds them. Unreadable."""
    if isinstance(item, str | bool | int | float):
        return Said(prediction=item)
    if isinstance(item, list):
        shares = _shares(item)
        return Said(prediction=shares[0]) if len(shares) == 1 else Said(probabilities=shares)
    if isinstance(item, Mapping):
        return _of_object(item)
    raise Unreadable(f"an answer is {_outline(item)}; expected a number, a class, or an object with `prediction`")


def _usual(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    for key in _ALL:
        if key in document and (isinstance(document[key], list) or not _shares_of(document)):
            return document[key]
    return document


def _of_object(item: Mapping[str, Any]) -> Said:
    prediction = next((item[key] for key in _ONE if isinstance(item.get(key), str | bool | int | float)), None)
    shares = _shares_of(item)
    id_ = item.get("id") if isinstance(item.get("id"), str) else None
    if isinstance(shares, Mapping):
        return Said(prediction, _shares(list(shares.values())), tuple(str(key) for key in shares), id_)
    if isinstance(shares, list):
        return Said(prediction, _shares(shares), (), id_)
    if prediction is None:
        raise Unreadable(f"an answer is {_outline(item)}; expected `prediction` or `probabilities` in it")
    return Said(prediction, id=id_)


def _shares_of(item: Mapping[str, Any]) -> Any:
    return next((item[key] for key in _SHARES if isinstance(item.get(key), list | Mapping)), None)


def _shares(values: Sequence[Any]) -> tuple[float, ...]:
    if not values or any(isinstance(value, bool) or not isinstance(value, _NUMBERS) for value in values):
        raise Unreadable(f"an answer is {_outline(list(values))}; expected numbers in it")
    return tuple(float(value) for value in values)


def _outline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object with " + (", ".join(str(key) for key in list(value)[:8]) or "no keys")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else f"{str(value)[:40]!r}"
