"""What every dialect does, and what one answer says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

Cell = float | int | bool | str | None
Row = Mapping[str, Any]  # one key a feature; values as JSON has them


class Unreadable(ValueError):
    """A body that does not hold what its dialect says it holds; the message names what was expected."""


class Inexpressible(ValueError):
    """Rows that this dialect has no way to write, such as two of them where a body holds one."""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a service said to one row."""

    prediction: Cell = None  # the predicted number or class; None where only probabilities came
    probabilities: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()  # of the probabilities, where the answer names them
    id: str | None = None  # the prediction's own, where the answer has one


class Dialect(Protocol):
    """One way to write rows into a request and to read them, and to read the answer. Pure."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        ...

    @property
    def many(self) -> bool:
        """Whether a request may hold more than one row."""
        ...

    def body(self, rows: Sequence[Row]) -> bytes:
        """The request's body (JSON). Inexpressible where it cannot hold such rows."""
        ...

    def rows(self, body: bytes) -> list[dict[str, Any]]:
        """The rows of a request's body. Unreadable where it is none of this dialect."""
        ...

    def said(self, body: bytes) -> list[Said]:
        """What an answer's body says, a row each. Unreadable where it is none of this dialect."""
        ...


def decoded(body: bytes) -> Any:
    """JSON. Unreadable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON: {error}") from None


def encoded(value: Any) -> bytes:
    """JSON."""
    return msgspec.json.encode(value)
