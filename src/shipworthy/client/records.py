"""What a server said, typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Class = str | int | float | bool


class Prediction(msgspec.Struct, frozen=True):
    """The answer to one row."""

    id: str  # the prediction's own: finds it again, and may be the key of its label
    prediction: Class  # the likeliest class, or the predicted number
    probabilities: dict[str, float] = {}  # one a class; {} for a regression

    @property
    def lineage(self) -> str:
        """The command that says where this answer comes from: release, run, code, data."""
        return f"shipworthy lineage {self.id}"


class Predictions(msgspec.Struct, frozen=True):
    """The answer to one request; iterates over its rows."""

    release: int  # that answered
    model: str
    predictions: tuple[Prediction, ...]  # a row each, in order
    id: str  # the request's, the caller's or made by the client
    tries: int = 1  # how often it was sent; more than one may stand in the log more than once, under the same id

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    def __len__(self) -> int:
        return len(self.predictions)

    def __getitem__(self, row: int) -> Prediction:
        return self.predictions[row]


class Violation(msgspec.Struct, frozen=True):
    """One value that breaks the contract."""

    row: int
    field: str
    value: Any  # as it was sent, shortened
    expected: str
    hint: str = ""  # the likely typo

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"row {self.row}: {self.field} = {self.value!r}: expected {self.expected}{hint}"


class Problem(msgspec.Struct, frozen=True):
    """The body of every answer that is no prediction."""

    error: str
    violations: tuple[Violation, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """The body of a prediction."""

    release: int
    model: str
    predictions: tuple[Prediction, ...]
    id: str = ""
