"""Which faults of a value the contract lets through. Pure, and light enough for a serving worker."""

from __future__ import annotations

from typing import Literal

from shipworthy.contract.records import Feature

FaultKind = Literal["missing column", "wrong type", "null", "not finite", "out of range", "unknown category"]


def tolerates(feature: Feature, kind: FaultKind) -> bool:
    """Whether a value with this fault is let through.

    "default" replaces any bad value. "flag" passes a value on as it is, which is possible only where the model can
    take it: never one of another type, and null only where the feature's type has room for it.
    """
    if kind == "missing column":
        return False
    if feature.on_violation == "flag":
        return kind != "wrong type" and (kind != "null" or feature.type not in ("integer", "boolean"))
    return feature.on_violation == "default"
