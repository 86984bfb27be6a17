"""A request's body as the user draws it: JSON with marks where rows go.

    "$row"      the row as an object            "$rows"    all rows as a list of objects
    "$values"   its values in the features'     "$table"   all rows as lists of values
                order, as a list                "${age}"   one value

A body with "$rows" or "$table" holds as many rows as there are; any other holds one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from shipworthy.contract.records import Feature
from shipworthy.dialects.answers import said_by
from shipworthy.dialects.records import Inexpressible, Row, Said, Unreadable, decoded, encoded
from shipworthy.errors import WrongUse

_ONE = re.compile(r"\$\{(.+)\}")
_WHOLE = ("$row", "$rows", "$values", "$table")


@dataclass(frozen=True, slots=True)
class Template:
    """A dialect by example."""

    drawn: Any  # decoded JSON
    names: tuple[str, ...]  # of the features, in order
    many: bool
    pointer: str = ""
    name = "template"

    @classmethod
    def of(cls, text: str, features: Sequence[Feature], pointer: str = "") -> Template:
        """WrongUse where the text is not JSON, holds no mark, or names a feature that is none."""
        try:
            drawn = msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise WrongUse(f"the template is not JSON: {error}") from None
        names = tuple(feature.name for feature in features)
        marks = list(_marks(drawn))
        if not marks:
            raise WrongUse(
                f'the template holds no row: expected "$row", "$rows", "$values", "$table" or "${{{names[0]}}}"'
            )
        for mark in marks:
            single = _ONE.fullmatch(mark)
            if single and single[1] not in names:
                raise WrongUse(f"the template names {single[1]!r}: expected one of {', '.join(names)}")
        return cls(drawn, names, bool({"$rows", "$table"} & set(marks)), pointer)

    def body(self, rows: Sequence[Row]) -> bytes:
        """See Dialect."""
        if len(rows) != 1 and not self.many:
            raise Inexpressible(f"a body of this template holds one row, not {len(rows)}")
        return encoded(self._filled(self.drawn, rows))

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """See Dialect."""
        found: dict[str, Any] = {}
        _match(self.drawn, decoded(body), found)
        if "$rows" in found:
            return _objects(found["$rows"])
        if "$table" in found:
            return [self._named(values) for values in _lists(found["$table"])]
        row: dict[str, Any] = {}
        if "$row" in found:
            row |= _objects([found["$row"]])[0]
        if "$values" in found:
            row |= self._named(_lists([found["$values"]])[0])
        for mark, value in found.items():
            single = _ONE.fullmatch(mark)
            if single:
                row[single[1]] = value
        return [row]

    def said(self, body: bytes) -> list[Said]:
        """See Dialect."""
        return said_by(decoded(body), self.pointer)

    def _filled(self, drawn: Any, rows: Sequence[Row]) -> Any:
        if isinstance(drawn, Mapping):
            filled = {key: self._filled(value, rows) for key, value in drawn.items()}
            return {key: value for key, value in filled.items() if value is not _ABSENT}
        if isinstance(drawn, list):
            return [self._filled(value, rows) for value in drawn]
        if not isinstance(drawn, str):
            return drawn
        single = _ONE.fullmatch(drawn)
        if single:
            return rows[0].get(single[1], _ABSENT)
        return self._whole(drawn, rows) if drawn in _WHOLE else drawn

    def _whole(self, mark: str, rows: Sequence[Row]) -> Any:
        if mark == "$row":
            return rows[0]
        if mark == "$rows":
            return list(rows)
        if any(set(row) != set(self.names) for row in rows):
            raise Inexpressible("a list of values has no place for a key that is missing, or that is not known")
        table = [[row[name] for name in self.names] for row in rows]
        return table if mark == "$table" else table[0]

    def _named(self, values: list[Any]) -> dict[str, Any]:
        if len(values) != len(self.names):
            raise Unreadable(f"a row of the request has {len(values)} values; expected {len(self.names)}")
        return dict(zip(self.names, values, strict=True))


class _Absent:
    pass


_ABSENT = _Absent()


def _marks(drawn: Any) -> Any:
    if isinstance(drawn, Mapping):
        for value in drawn.values():
            yield from _marks(value)
    elif isinstance(drawn, list):
        for value in drawn:
            yield from _marks(value)
    elif isinstance(drawn, str) and (drawn in _WHOLE or _ONE.fullmatch(drawn)):
        yield drawn


def _match(drawn: Any, body: Any, found: dict[str, Any]) -> None:
    """What stands in a body where the template has its marks; anything else in the body may be as it likes."""
    if isinstance(drawn, str) and (drawn in _WHOLE or _ONE.fullmatch(drawn)):
        found[drawn] = body
    elif isinstance(drawn, Mapping) and isinstance(body, Mapping):
        for key, value in drawn.items():
            if key in body:
                _match(value, body[key], found)
            elif not (isinstance(value, str) and _ONE.fullmatch(value)):
                raise Unreadable(f"the request has no {key!r}, which the template has")
    elif isinstance(drawn, list) and isinstance(body, list) and len(drawn) == len(body):
        for inside, item in zip(drawn, body, strict=True):
            _match(inside, item, found)
    elif isinstance(drawn, Mapping | list):
        raise Unreadable("the request is not of the template's form")


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Unreadable("the request has no objects where the template has rows")
    return value


def _lists(value: Any) -> list[list[Any]]:
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise Unreadable("the request has no lists where the template has values")
    return value
