"""Values and keys as TOML text: for messages that quote what was written, and for the contract that `init` writes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def written(value: object) -> str:
    """A value of a TOML document on one line: `true`, `0.5`, `"text"`, `["a", "b"]`, `{ min = 0 }`."""
    match value:
        case bool():
            shown = "true" if value else "false"
        case int():
            shown = str(value)
        case float():
            shown = _number(value)
        case str():
            shown = _text(value)
        case datetime() | date() | time():
            shown = value.isoformat()
        case Mapping():
            inside = ", ".join(f"{written_key(str(key))} = {written(item)}" for key, item in value.items())
            shown = f"{{ {inside} }}" if inside else "{}"
        case Sequence():
            shown = "[" + ", ".join(written(item) for item in value) + "]"
        case _:
            raise TypeError(f"TOML has no {type(value).__name__}")
    return shown


def written_key(key: str) -> str:
    """A key, quoted where it has to be."""
    return key if _BARE.fullmatch(key) else _text(key)


def dotted(*keys: str) -> str:
    """A dotted key: `features."sepal length".min`."""
    return ".".join(written_key(key) for key in keys)


def _number(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(value)


def _text(value: str) -> str:
    return '"' + "".join(_character(character) for character in value) + '"'


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if ord(character) < 0x20 or ord(character) == 0x7F:
        return f"\\u{ord(character):04x}"
    return character
