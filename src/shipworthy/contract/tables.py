"""Reading one table of the contract by its rules: what could be read, and every mistake in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shipworthy.contract.rules import Rule, did_you_mean
from shipworthy.contract.schema import TABLES, Needs, Table
from shipworthy.contract.sources import without_password
from shipworthy.contract.toml import dotted, written
from shipworthy.errors import Mistake

_NAMELESS = "model"  # what is only watched needs no name
_LONGEST = 80  # characters of a value that a message shows


@dataclass(frozen=True, slots=True)
class Section:
    """A table as far as it could be read."""

    path: tuple[str, ...]  # ("features", "distance")
    written: Mapping[str, Any]  # as it stands in the file
    read: Mapping[str, Any]  # by key: what could be read, and the defaults; a key with a mistake is absent
    mistakes: tuple[Mistake, ...] = ()
    inner: Mapping[str, Section] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        """The value of a key; None where it is absent, unreadable or None by default."""
        return self.read.get(key)

    def wrong(self, key: str, expected: str, suggestion: str = "") -> Mistake:
        """A mistake at one key, quoting what was written there."""
        return mistake((*self.path, key), self.written.get(key), expected, suggestion)


def mistake(path: Iterable[str], value: object, expected: str, suggestion: str = "") -> Mistake:
    """A mistake at a dotted key; `value` None means that nothing is written there."""
    shown = "" if value is None else without_password(written(value))
    return Mistake(dotted(*path), shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…", expected, suggestion)


def read_table(table: Table, path: tuple[str, ...], value: object, needs: Needs) -> Section:
    """Read a table; a value that is None stands for a table that is not written at all."""
    if not isinstance(value, Mapping | None):
        return Section(path, {}, {}, (mistake(path, value, f"a table [{dotted(*path)}]"),))
    rows: Mapping[str, Any] = value or {}
    inner = {key: read_table(inside, (*path, key), rows.get(key), needs) for key, inside in table.tables.items()}
    mistakes: list[Mistake] = []
    read = _defaults(table, needs)
    for key, item in rows.items():
        if key in inner:
            continue
        rule = table.rules.get(key)
        if rule is None:
            mistakes.append(_unknown(table, path, key, item))
            continue
        read.pop(key, None)
        taken = take(rule, (*path, key), item)
        if isinstance(taken, Mistake):
            mistakes.append(taken)
        else:
            read[key] = taken
    missing = [key for key in table.required if key not in rows and key not in read]
    mistakes += [mistake((*path, key), None, table.rules[key].expected, "it is missing") for key in missing]
    mistakes += [found for section in inner.values() for found in section.mistakes]
    return Section(path, rows, read, tuple(mistakes), inner)


def take(rule: Rule, path: tuple[str, ...], value: object) -> Any | Mistake:
    """The value as the records keep it, or the mistake."""
    try:
        return rule.take(value)
    except ValueError as error:
        return mistake(path, value, rule.expected, str(error))


def unknown_key(path: tuple[str, ...], value: object, known: Iterable[str], elsewhere: str = "") -> Mistake:
    """A key that has no meaning where it stands."""
    names = list(known)
    where = f"[{dotted(*path[:-1])}]" if len(path) > 1 else "the contract"
    expected = f"a key of {where}: {', '.join(names)}"
    return mistake(path, value, expected, did_you_mean(path[-1], names) or elsewhere)


def _unknown(table: Table, path: tuple[str, ...], key: str, value: object) -> Mistake:
    homes = [name for name, other in TABLES.items() if key in other.rules and other is not table]
    elsewhere = f"it belongs to [{homes[0]}]" if homes else ""
    return unknown_key((*path, key), value, [*table.rules, *table.tables], elsewhere)


def _defaults(table: Table, needs: Needs) -> dict[str, Any]:
    fields = msgspec.structs.fields(table.record)
    found: dict[str, Any] = {one.name: one.default for one in fields if one.default is not msgspec.NODEFAULT}
    found = {name: value for name, value in found.items() if name in table.rules}
    if needs == "watching" and "name" in table.required:
        found["name"] = _NAMELESS
    return {**found, **table.blank} if needs != "training" else found
