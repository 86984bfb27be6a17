"""What a feature promises, in words: the same in every message. Pure."""

from __future__ import annotations

from shipworthy.contract.records import Feature, FeatureType


def described(kind: FeatureType) -> str:
    """A type in words."""
    return {
        "float": "a number",
        "integer": "a whole number",
        "boolean": "true or false",
        "category": "text",
        "timestamp": "a timestamp",
    }[kind]


def range_of(feature: Feature) -> str:
    """The promised range in words: "0 to 6000", "at least 0", "at most 1"; "" where there is none."""
    low, high = (None if bound is None else f"{bound:.15g}" for bound in (feature.min, feature.max))
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}"
    return f"at most {high}" if high is not None else ""
