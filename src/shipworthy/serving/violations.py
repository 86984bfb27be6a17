"""What is wrong with a row that did not decode, and whether the contract lets it through. Pure.

A row comes here as the JSON object that it was. The outcome is its values with flagged ones kept and defaults put in,
or every violation at once.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.models.records import NULL_TIMESTAMP
from shipworthy.serving.problems import Problem, Violation
from shipworthy.serving.rows import Call, Row, instant, integer_bounds

SHOWN = 20  # violations an answer lists at most
LONGEST = 80  # characters of a value that are shown

_ABSENT = object()
_TYPES = {
    "float": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "category": "text",
    "timestamp": "a timestamp (ISO 8601, or nanoseconds since 1970 as an integer) in the years 1678 to 2261",
}


class _Wrong(Exception):
    """A value that breaks the contract; `value` is what a model can be given all the same, if it can."""

    def __init__(self, *, passable: bool, value: Any = None) -> None:
        self.passable = passable
        self.value = value


def examine(features: Sequence[Feature], rows: Sequence[Any]) -> Call:
    """Rows as they came, checked one value at a time. Problem 422 with what is wrong and not let through."""
    judge = _Judge(features)
    values = [judge.row(number, row) for number, row in enumerate(rows)]
    if judge.violations:
        raise refusal(judge.violations, tuple(judge.refused))
    return Call(rows=values, flags=tuple(judge.flags))


def refusal(violations: Sequence[Violation], refused: tuple[int, ...] = ()) -> Problem:
    """The refusal of a request, with the first violations."""
    more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
    return Problem(422, f"{violations[0]}{more}", tuple(violations[:SHOWN]), refused)


def expected(feature: Feature) -> str:
    """What a feature takes, in words."""
    text = _TYPES[feature.type]
    if feature.type == "category" and feature.unknown == "refuse" and feature.values:
        text = f"one of {', '.join(feature.values[:8])}{', …' if len(feature.values) > 8 else ''}"
    low, high = feature.min, feature.max
    if low is not None and high is not None:
        text += f" from {low:g} to {high:g}"
    elif low is not None:
        text += f" of at least {low:g}"
    elif high is not None:
        text += f" of at most {high:g}"
    unit = f" ({feature.unit})" if feature.unit else ""
    return f"{text}{unit}{' or null' if feature.nullable else ''}"


class _Judge:
    """Collects what is found in the rows of one request."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = features
        self.names = {feature.name for feature in features}
        self.violations: list[Violation] = []
        self.refused: list[int] = []
        self.flags: list[tuple[int, int]] = []

    def row(self, number: int, row: Any) -> Row:
        """The values of one row."""
        if not isinstance(row, dict):
            self.violations.append(Violation(number, "rows", _shown(row), "an object with one key a feature"))
            return ()
        for name in row.keys() - self.names:
            self._unknown(number, name, row)
        return tuple(
            self._value(number, index, feature, row.get(feature.name, _ABSENT))
            for index, feature in enumerate(self.features)
        )

    def _unknown(self, number: int, name: str, row: dict[str, Any]) -> None:
        near = difflib.get_close_matches(name, self.names - row.keys() or self.names, n=1)
        hint = f"did you mean {near[0]}?" if near else ""
        self.violations.append(Violation(number, _shown(name), _shown(row[name]), "a feature of the contract", hint))

    def _value(self, number: int, index: int, feature: Feature, value: Any) -> Any:
        try:
            return _checked(feature, value)
        except _Wrong as wrong:
            if feature.on_violation == "default":
                self.flags.append((number, index))
                return _default(feature)
            if feature.on_violation == "flag" and wrong.passable:
                self.flags.append((number, index))
                return wrong.value
            self.refused.append(index)
            shown = None if value is _ABSENT else _shown(value)
            hint = "the key is missing" if value is _ABSENT else ""
            self.violations.append(Violation(number, feature.name, shown, expected(feature), hint))
            return None


def _checked(feature: Feature, value: Any) -> Any:
    if value is None or value is _ABSENT:
        if feature.nullable:
            return None
        # A flagged null is passed on only where the column has room for it.
        raise _Wrong(passable=value is None and feature.type not in ("integer", "boolean"))
    checked = _CHECKS[feature.type](feature, value)
    if isinstance(checked, int | float) and not _in_range(feature, checked):
        raise _Wrong(passable=True, value=checked)
    return checked


def _in_range(feature: Feature, value: float) -> bool:
    return (feature.min is None or value >= feature.min) and (feature.max is None or value <= feature.max)


def _float(_feature: Feature, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(passable=False)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Wrong(passable=True, value=number)
    return number


def _integer(feature: Feature, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(passable=False)
    if isinstance(value, float) and not value.is_integer():
        raise _Wrong(passable=False)
    low, high = integer_bounds(Feature(name="", type="integer", nullable=feature.nullable))
    if not low <= value <= high:
        raise _Wrong(passable=False)
    return int(value)


def _boolean(_feature: Feature, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(passable=False)
    return value


def _category(feature: Feature, value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(passable=False)
    if feature.unknown == "refuse" and feature.values and value not in feature.values:
        raise _Wrong(passable=True, value=value)
    return value


def _timestamp(_feature: Feature, value: Any) -> Any:
    if isinstance(value, str):
        try:
            return instant(datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            raise _Wrong(passable=False) from None
    if isinstance(value, bool) or not isinstance(value, int) or not NULL_TIMESTAMP < value < -NULL_TIMESTAMP:
        raise _Wrong(passable=False)
    return value


_CHECKS = {
    "float": _float,
    "integer": _integer,
    "boolean": _boolean,
    "category": _category,
    "timestamp": _timestamp,
}


def _default(feature: Feature) -> Any:
    """The contract's default as a row holds it."""
    if feature.type == "timestamp" and isinstance(feature.default, str):
        return clock.from_iso(feature.default)
    if feature.type == "float" and feature.default is not None:
        return float(feature.default)
    return feature.default


def _shown(value: Any) -> Any:
    """A value as the answer repeats it: not longer than a caller needs to find it."""
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
