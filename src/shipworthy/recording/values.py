"""Rows that a service took, as columns of the log: what breaks the contract is kept where it can be, and flagged. Pure.

Unlike our server, which refuses, this looks at what somebody else has answered already. A value of another type becomes
null; one outside its range or list stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.dialects.records import Said, Unreadable
from shipworthy.models.records import NULL_TIMESTAMP

Flags = list[tuple[int, int]]  # (row, feature's index)


def columns_of(
    features: Sequence[Feature], required: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Any], Flags]:
    """One column a feature, as `predictions.log` takes them of nullable features, and every violation."""
    columns, flags = [], Flags()
    for index, feature in enumerate(features):
        values = [row.get(feature.name) for row in rows]
        read, needed = _READ[feature.type], feature.name in required
        kept = []
        for row, value in enumerate(values):
            found, good = (None, not needed) if value is None else read(feature, value)
            kept.append(found)
            if not good:
                flags.append((row, index))
        columns.append(_column(feature, kept))
    return columns, flags


def values_of(said: Sequence[Said], classes: Sequence[str]) -> NDArray[np.float64]:
    """Answers (n, k): probabilities in the order of `classes`, or (n, 1) numbers. Unreadable where one is neither."""
    return np.array([_shares(one, classes) if classes else [_number(one)] for one in said], np.float64)


def _number(said: Said) -> float:
    value = said.prediction
    if isinstance(value, str) or value is None:
        raise Unreadable(f"an answer is {value!r}; expected a number, as this service has no classes")
    return float(value)


def _shares(said: Said, classes: Sequence[str]) -> list[float]:
    shares = said.probabilities
    if shares and said.classes:
        by_name = dict(zip(said.classes, shares, strict=True))
        if set(by_name) != set(classes):
            raise Unreadable(f"an answer has the classes {', '.join(by_name)}; expected {', '.join(classes)}")
        return [by_name[name] for name in classes]
    if shares:
        if len(shares) != len(classes):
            raise Unreadable(f"an answer has {len(shares)} probabilities; expected {len(classes)}")
        return list(shares)
    name = str(said.prediction).lower() if isinstance(said.prediction, bool) else str(said.prediction)
    if name in classes:
        return [float(name == one) for one in classes]
    if len(classes) == 2 and isinstance(said.prediction, int | float) and 0 <= said.prediction <= 1:
        return [1.0 - said.prediction, float(said.prediction)]
    raise Unreadable(f"an answer is {said.prediction!r}; expected one of {', '.join(classes)}, or their probabilities")


def _column(feature: Feature, values: list[Any]) -> Any:
    if feature.type == "category":
        return values
    if feature.type == "timestamp":
        return np.array([NULL_TIMESTAMP if value is None else value for value in values], np.int64)
    return np.array([math.nan if value is None else value for value in values], np.float64)


def _float(feature: Feature, value: Any) -> tuple[float | None, bool]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, False
    try:
        number = float(value)
    except OverflowError:
        return None, False
    inside = (feature.min is None or number >= feature.min) and (feature.max is None or number <= feature.max)
    return number, inside and math.isfinite(number)


def _integer(feature: Feature, value: Any) -> tuple[float | None, bool]:
    if isinstance(value, float) and not value.is_integer():
        return None, False
    return _float(feature, value)


def _boolean(_: Feature, value: Any) -> tuple[float | None, bool]:
    return (float(value), True) if isinstance(value, bool) else (None, False)


def _category(feature: Feature, value: Any) -> tuple[str | None, bool]:
    if not isinstance(value, str):
        return None, False
    return value, feature.unknown == "allow" or feature.values is None or value in feature.values


def _timestamp(_: Feature, value: Any) -> tuple[int | None, bool]:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            value = clock.from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            return None, False
    if isinstance(value, bool) or not isinstance(value, int) or not NULL_TIMESTAMP < value < -NULL_TIMESTAMP:
        return None, False
    return value, True


_READ: dict[str, Callable[[Feature, Any], tuple[Any, bool]]] = {
    "float": _float,
    "integer": _integer,
    "boolean": _boolean,
    "category": _category,
    "timestamp": _timestamp,
}
