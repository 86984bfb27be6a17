"""Rows that differ from a good one in one value, each with what the contract says to it. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shipworthy.contract.records import Feature
from shipworthy.contract.tolerance import tolerates

Kind = Literal[
    "the key left out",
    "null",
    "another type",
    "below the range",
    "above the range",
    "the lowest value",
    "the highest value",
    "a known category",
    "an unknown category",
    "an unknown key",
]
ANY = "*"  # stands for every feature among what is spared
UNKNOWN_KEY = "not-a-feature"
_CATEGORIES = 20  # known ones that are tried

Spared = Collection[tuple[str, Kind]]


@dataclass(frozen=True, slots=True)
class Case:
    """One row to send."""

    feature: str
    kind: Kind
    row: Mapping[str, Any]
    accepted: bool  # by the contract

    @property
    def sent(self) -> Any:
        """The value in question; None with `kind` "the key left out" where there is none."""
        return self.row.get(self.feature)


def cases(features: Collection[Feature], good: Mapping[str, Any], spared: Spared = ()) -> list[Case]:
    """Every deviation from the row `good`, except those `spared` (feature or ANY, kind)."""
    made = [case for feature in features for case in _of_feature(feature, good)]
    made.append(Case(UNKNOWN_KEY, "an unknown key", {**good, UNKNOWN_KEY: 1}, accepted=False))
    return [case for case in made if (case.feature, case.kind) not in spared and (ANY, case.kind) not in spared]


def _of_feature(feature: Feature, good: Mapping[str, Any]) -> Iterator[Case]:
    def case(kind: Kind, value: Any, *, accepted: bool) -> Case:
        return Case(feature.name, kind, {**good, feature.name: value}, accepted)

    without = {name: value for name, value in good.items() if name != feature.name}
    may_lack = feature.nullable or feature.on_violation == "default"
    if len(good) > 1:
        yield Case(feature.name, "the key left out", without, may_lack)
    yield case("null", None, accepted=feature.nullable or tolerates(feature, "null"))
    wrong = 7 if feature.type == "category" else "neither a number nor a date"
    yield case("another type", wrong, accepted=tolerates(feature, "wrong type"))
    if feature.type in ("float", "integer"):
        yield from (case(kind, value, accepted=accepted) for kind, value, accepted in _bounds(feature))
    if feature.type == "category":
        yield from (case("a known category", value, accepted=True) for value in (feature.values or ())[:_CATEGORIES])
        if feature.values or feature.unknown == "allow":
            allowed = feature.unknown == "allow" or tolerates(feature, "unknown category")
            yield case("an unknown category", "no such category", accepted=allowed)


def _bounds(feature: Feature) -> Iterator[tuple[Kind, float | int, bool]]:
    outside = tolerates(feature, "out of range")
    if feature.min is not None:
        yield "the lowest value", _number(feature, feature.min, up=True), True
        yield "below the range", _number(feature, feature.min - _step(feature.min), up=False), outside
    if feature.max is not None:
        yield "the highest value", _number(feature, feature.max, up=False), True
        yield "above the range", _number(feature, feature.max + _step(feature.max), up=True), outside


def _step(bound: float) -> float:
    """Far enough outside to be no question of rounding."""
    return max(1.0, abs(bound) / 10)


def _number(feature: Feature, value: float, *, up: bool) -> float | int:
    if feature.type == "integer":
        return math.ceil(value) if up else math.floor(value)
    return value
