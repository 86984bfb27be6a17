"""What a client raises; all of it is a ShipworthyError, with the exit code of its kind.

WrongUse      RowsRefused    the rows break the contract: `violations` says how
              UnknownModel   there is nothing of that kind at this address
Refused       ServerFailed   the server gave up on this request: to ask again would not help
Undecided     NoAnswer       no answer in time, after all tries
"""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy.client.records import Violation
from shipworthy.errors import Refused, Undecided, WrongUse


class RowsRefused(WrongUse):
    """The server refused the request; nothing of it was predicted."""

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        self.violations = tuple(violations)  # the first twenty
        super().__init__(message)


class UnknownModel(WrongUse):
    """The address answers, and is not that of a server's predictions."""


class ServerFailed(Refused):
    """The model raised an error, or something that is no shipworthy server answered."""


class NoAnswer(Undecided):
    """Whether the prediction was made is not known; the same request with the same `id` may be sent again."""

    def __init__(self, message: str, *, id: str, tries: int) -> None:
        self.id = id
        self.tries = tries
        super().__init__(message)
