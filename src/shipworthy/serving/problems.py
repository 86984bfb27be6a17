"""What a caller did wrong, or could not be given: the status and what stands in the answer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from shipworthy.serving.responses import Reply

Reason = Literal["deadline", "connections", "log", "loading"]


class Violation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One value that breaks the contract."""

    row: int
    field: str
    value: Any  # as the caller sent it, shortened
    expected: str
    hint: str = ""  # the likely typo

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        value = msgspec.json.encode(self.value).decode()
        return f"row {self.row}: {self.field} = {value}: expected {self.expected}{hint}"


class Problem(Exception):
    """A request that is not answered with a prediction."""

    extra = b""  # further header lines of the answer

    reason = ""  # what the refusal is counted under in the metrics

    def __init__(
        self, status: int, message: str, violations: tuple[Violation, ...] = (), refused: tuple[int, ...] = ()
    ) -> None:
        self.status = status
        self.violations = violations
        self.refused = refused  # indices of the features that rows were refused for, one a row and feature
        super().__init__(message)


class Overloaded(Problem):
    """A request that the server has no room or time for now."""

    extra = b"retry-after: 1\r\n"

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(503, message)
        self.reason = reason


class _Body(msgspec.Struct, omit_defaults=True):
    error: str
    violations: tuple[Violation, ...] = ()


# What decoding raises at bytes that are no JSON: also at what is no UTF-8, and at a thousand brackets in each other.
NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def malformed(error: Exception, body: bytes | bytearray) -> Problem:
    """A body that is no JSON."""
    hint = "; NaN and Infinity are not JSON, send null" if b"NaN" in body or b"Infinity" in body else ""
    return Problem(400, f"the body is not JSON: {error}{hint}")


def reply_to(problem: Problem, *, plain: bool = False) -> Reply:
    """The answer. `plain` leaves the error text alone, as the Open Inference Protocol has it."""
    body = msgspec.json.encode(_Body(str(problem), () if plain else problem.violations))
    return Reply(problem.status, body, extra=problem.extra)
