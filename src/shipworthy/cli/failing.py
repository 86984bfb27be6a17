"""What a program is told of a command that came to no answer: `--json` has one object on standard output, then too."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from shipworthy.cli.console import answered, say_json
from shipworthy.errors import ContractError, Mistake


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why there is no answer."""

    kind: str  # of the tree of errors, or Interrupted, or Defect
    message: str  # as standard error has it
    exit_code: int
    mistakes: tuple[Mistake, ...] = ()  # of a contract, one by one


def tell(kind: str, message: str, exit_code: int, mistakes: Sequence[Mistake] = ()) -> None:
    """Say it as JSON where that was asked for, and no answer stands there yet: of two objects a program reads none."""
    if asked(sys.argv[1:]) and not answered():
        say_json({"error": Failure(kind, message, exit_code, tuple(mistakes))})


def asked(arguments: Sequence[str]) -> bool:
    """Whether the command line has `--json`, which may stand before what is wrong with it, or after."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def mistakes_of(error: Exception) -> tuple[Mistake, ...]:
    """Those of a contract."""
    return error.mistakes if isinstance(error, ContractError) else ()
