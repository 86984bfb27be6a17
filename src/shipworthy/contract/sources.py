"""Where data lies, as a contract writes it: "delta:data/flights@12", "dvc:data/flights.csv@v1", "sql:postgresql://…".

A password never stands in a contract: a database's URL names an environment variable in its place. What a user wrote
all the same is refused, and not repeated by any message. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from shipworthy.contract.records import SourceKind
from shipworthy.contract.rules import Rule, did_you_mean, text
from shipworthy.contract.toml import written

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")  # ${NAME}

_URL = re.compile(r"[a-z][a-z0-9_]*(\+[a-z0-9_]+)?://.*", re.DOTALL)
_PASSWORD = re.compile(r"(?<=://)([^:/?#@]*:)(.*)(?=@)", re.DOTALL)
_SECRET = re.compile(r"([?&][^=&]*(?:password|passwd|pwd|secret|token)[^=&]*=)([^&]*)", re.IGNORECASE)
_HIDDEN = "***"
_EXAMPLE = "sql:postgresql://reader:${WAREHOUSE_PASSWORD}@db.example.com/warehouse"


@dataclass(frozen=True, slots=True)
class Source:
    """Where data lies."""

    kind: SourceKind
    location: str
    version: int | None = None  # delta:
    revision: str | None = None  # dvc:


def without_password(shown: str) -> str:
    """A text with passwords in database URLs hidden, unless they are only named: ${NAME}."""
    hidden = _PASSWORD.sub(_hidden, shown)
    return _SECRET.sub(_hidden, hidden)


def _hidden(match: re.Match[str]) -> str:
    return match[0] if not VARIABLE.sub("", match[2]) else match[1] + _HIDDEN


def _source(value: object) -> Source:
    found: str = text().take(value)
    kinds: tuple[SourceKind, ...] = get_args(SourceKind)
    head, colon, location = found.partition(":")
    kind = next((kind for kind in kinds if kind == head), None)
    if kind is None:
        raise ValueError(did_you_mean(head, kinds) if colon else f"did you mean {written('file:' + found)}?")
    if not location.strip():
        raise ValueError(f"where? {kind}: says no place")
    if kind == "delta":
        return _delta(location)
    if kind == "dvc":
        path, at, revision = location.rpartition("@")
        return Source(kind, path, revision=revision) if path and at and revision else Source(kind, location)
    return _sql(location) if kind == "sql" else Source(kind, location)


def _delta(location: str) -> Source:
    path, at, version = location.rpartition("@")
    if not at or "/" in version:
        return Source("delta", location)
    if not (version.isascii() and version.isdigit() and path):
        raise ValueError("a pinned version is a number: delta:data/flights@12")
    return Source("delta", path, int(version))


def _sql(location: str) -> Source:
    if without_password(location) != location:
        raise ValueError(f"a password is named and never written: {_EXAMPLE}")
    if not (_URL.fullmatch(location) or VARIABLE.fullmatch(location)):
        raise ValueError('a database is a URL, and what is read from it stands under query = "SELECT …"')
    return Source("sql", location)


def _living(value: object) -> Source:
    found = _source(value)
    if found.version is not None:
        raise ValueError(f"labels keep coming, so none is pinned: delta:{found.location}")
    if found.kind not in ("file", "delta"):
        raise ValueError(f"labels are joined row by row as they come, which {found.kind}: does not let us do")
    return found


SOURCE = Rule(
    '"file:PATH", "delta:PATH", "delta:PATH@VERSION", "dvc:PATH", "dvc:PATH@REVISION" or "sql:URL"',
    _source,
)
LIVING_SOURCE = Rule('"file:PATH" or "delta:PATH"', _living)
