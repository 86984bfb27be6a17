"""The dialects that have a name: ours, MLflow's two, bare rows, and a template of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipworthy.contract.records import Feature
from shipworthy.dialects.answers import said_by
from shipworthy.dialects.records import Dialect, Inexpressible, Row, Said, Unreadable, decoded, encoded
from shipworthy.dialects.template import Template
from shipworthy.dialects.tensors import Tensors
from shipworthy.errors import WrongUse


@dataclass(frozen=True, slots=True)
class Listed:
    """`{KEY: [{feature: value}, …]}`, or the bare list where there is no key: ours, and MLflow's dataframe_records."""

    name: str
    key: str
    pointer: str = ""
    many = True

    def body(self, rows: Sequence[Row]) -> bytes:
        """See Dialect."""
        return encoded({self.key: rows} if self.key else rows)

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """See Dialect."""
        document = decoded(body)
        found = document.get(self.key) if self.key and isinstance(document, Mapping) else document
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            where = f"under {self.key!r}" if self.key else "as the body"
            raise Unreadable(f"the request has no list of objects {where}")
        return found

    def said(self, body: bytes) -> list[Said]:
        """See Dialect."""
        return said_by(decoded(body), self.pointer)


@dataclass(frozen=True, slots=True)
class Single:
    """The body is one row: an object with one key a feature."""

    pointer: str = ""
    name = "row"
    many = False

    def body(self, rows: Sequence[Row]) -> bytes:
        """See Dialect."""
        if len(rows) != 1:
            raise Inexpressible(f"a body of this dialect holds one row, not {len(rows)}")
        return encoded(rows[0])

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """See Dialect."""
        row = decoded(body)
        if not isinstance(row, dict):
            raise Unreadable("the request is not an object with one key a feature")
        return [row]

    def said(self, body: bytes) -> list[Said]:
        """See Dialect."""
        return said_by(decoded(body), self.pointer)


@dataclass(frozen=True, slots=True)
class Split:
    """MLflow's `{"dataframe_split": {"columns": […], "data": [[…], …]}}`."""

    pointer: str = ""
    name = "mlflow-split"
    many = True

    def body(self, rows: Sequence[Row]) -> bytes:
        """See Dialect."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        data = [[row.get(name) for name in columns] for row in rows]
        return encoded({"dataframe_split": {"columns": columns, "data": data}})

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """See Dialect."""
        document = decoded(body)
        split = document.get("dataframe_split") if isinstance(document, Mapping) else None
        try:
            columns, data = split["columns"], split["data"]  # type: ignore[index]
            return [dict(zip(columns, values, strict=True)) for values in data]
        except (TypeError, KeyError, ValueError):
            raise Unreadable("the request has no `dataframe_split` with `columns` and rows of `data`") from None

    def said(self, body: bytes) -> list[Said]:
        """See Dialect."""
        return said_by(decoded(body), self.pointer)


def dialect(name: str, features: Sequence[Feature], *, pointer: str = "", template: str = "") -> Dialect:
    """The dialect of a name, or of a template's text. `pointer` leads to the answers. WrongUse."""
    if template:
        return Template.of(template, features, pointer)
    known: dict[str, Dialect] = {
        "shipworthy": Listed("shipworthy", "rows", pointer),
        "v2": Tensors(tuple(features), pointer),
        "mlflow-split": Split(pointer),
        "mlflow-records": Listed("mlflow-records", "dataframe_records", pointer),
        "rows": Listed("rows", "", pointer),
        "row": Single(pointer),
    }
    if name not in known:
        raise WrongUse(f"dialect {name!r}: expected one of {', '.join(known)}, or a template of your own")
    return known[name]
