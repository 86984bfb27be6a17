"""What the keys of one feature say to each other: mistakes that no key makes alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shipworthy import clock
from shipworthy.contract.rules import did_you_mean
from shipworthy.contract.tables import Section
from shipworthy.contract.toml import written
from shipworthy.contract.words import described
from shipworthy.errors import Mistake


def of_feature(section: Section) -> Iterator[Mistake]:
    """One feature's keys against each other."""
    kind, low, high = section.get("type"), section.get("min"), section.get("max")
    if kind is None:
        return
    for key in ("min", "max"):
        bound = section.get(key)
        if bound is not None and kind not in ("float", "integer"):
            yield section.wrong(key, f"no {key}, which only float and integer have (this one is of type {kind})")
        elif bound is not None and kind == "integer" and not bound.is_integer():
            yield section.wrong(key, "a whole number, as the feature is an integer")
    if low is not None and high is not None and low > high:
        yield section.wrong("min", f"at most max = {high:g}", "are they swapped?")
    for key in ("values", "unknown"):
        if key in section.written and kind != "category":
            yield section.wrong(key, f"no {key}, which only a category has (this one is of type {kind})")
    yield from _default(section)


def _default(section: Section) -> Iterator[Mistake]:
    given = "default" in section.written
    on_violation = section.get("on_violation")
    if on_violation == "default" and not given:
        yield section.wrong("default", "what a bad or absent value becomes", 'on_violation = "default" needs it')
    elif given and on_violation in ("refuse", "flag"):
        yield section.wrong(
            "default", 'no default unless on_violation = "default"', f"on_violation is {written(on_violation)}"
        )
    elif given and section.get("default") is not None:
        yield from _default_fits(section, section.get("default"))


def _default_fits(section: Section, default: Any) -> Iterator[Mistake]:
    kind = section.get("type")
    if not _IS_OF_TYPE[kind](default):
        yield section.wrong("default", f"{described(kind)}, as the feature's type is {kind}")
        return
    low, high, values = section.get("min"), section.get("max"), section.get("values")
    if kind in ("float", "integer"):
        if low is not None and default < low:
            yield section.wrong("default", f"at least min = {low:g}")
        if high is not None and default > high:
            yield section.wrong("default", f"at most max = {high:g}")
    if kind == "category" and values is not None and section.get("unknown") == "refuse" and default not in values:
        yield section.wrong("default", "one of the feature's values", did_you_mean(default, values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and clock.from_iso(value) is not None
    except ValueError:
        return False


_IS_OF_TYPE = {
    "float": _is_number,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "category": lambda value: isinstance(value, str),
    "timestamp": _is_instant,
}
