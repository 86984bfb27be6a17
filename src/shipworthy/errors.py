"""Every error shipworthy raises on purpose, as one tree.

    ShipworthyError
    ├── WrongUse          2  the request itself cannot be taken
    │   ├── ContractError    the contract has mistakes (all of them, at once)
    │   ├── NotFound         a name, id or file that does not exist
    │   ├── DataViolation    rows that break the contract
    │   ├── InUse            somebody else holds the state
    │   └── Unbuildable      the environment cannot be made from its lock
    │       └── Conflict     two sets of requirements do not go together
    ├── Refused           1  the answer is no
    │   ├── Tampered         bytes differ from what was signed or recorded
    │   └── TrainingFailed   the user's code failed
    └── Undecided         3  the question could not be answered

The number is the exit code of the command line. A message names the key, the value, what was expected and what to
do next; nobody should need a traceback to mend their own mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ShipworthyError(Exception):
    """Base of everything raised on purpose. `exit_code` is what the command line returns."""

    exit_code = 2


class WrongUse(ShipworthyError):
    """The request cannot be taken as it is: wrong argument, missing input."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in something a user wrote."""

    key: str  # dotted, e.g. "features.distance.min"
    value: str  # as the user wrote it; "" where the key is missing
    expected: str
    suggestion: str = ""  # the likely typo, or what to do next

    def __str__(self) -> str:
        shown = f"{self.key} = {self.value}" if self.value else self.key
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"{shown}: expected {self.expected}{hint}"


class ContractError(WrongUse):
    """The contract has mistakes; `mistakes` holds all of them."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"{source} has {count} mistake{'s' if count != 1 else ''}:\n{lines}")


class NotFound(WrongUse):
    """A name, id, file or data version that does not exist."""


class DataViolation(WrongUse):
    """Rows that break the contract; the message names column, number of rows and first values."""


class InUse(WrongUse):
    """The state is held by another process, which the message names."""


class Unbuildable(WrongUse):
    """The environment cannot be made from its lock; the message is the installer's reason."""

    def __init__(self, message: str, requirement: str | None = None) -> None:
        self.requirement = requirement  # the package at fault, where it could be told
        super().__init__(message)


class Conflict(Unbuildable):
    """Further requirements do not go together with a lock's pins."""

    def __init__(self, message: str, extra: tuple[str, ...] = ()) -> None:
        self.extra = extra
        super().__init__(message)


class Refused(ShipworthyError):
    """The answer is no: a check is blocked, evidence is missing or broken."""

    exit_code = 1


class Tampered(Refused):
    """Bytes differ from what was recorded or signed."""


class TrainingFailed(Refused):
    """The user's own code failed; the message ends with its own error and where the full output is kept."""


class Undecided(ShipworthyError):
    """The question could not be answered (the data is gone, the machine was too busy); neither yes nor no."""

    exit_code = 3
