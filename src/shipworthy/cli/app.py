"""The application: commands from their files, and errors turned into a message and an exit code.

Exit codes: 0 done or passed, 1 blocked (the answer is no), 2 wrong use or missing input, 3 could not decide.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from shipworthy import __version__
from shipworthy.cli import (
    adopting,
    carrying,
    comparing,
    demo,
    keeping,
    looking,
    operating,
    proving,
    services,
    starting,
    telling,
    tracking,
    watching,
)
from shipworthy.cli.console import begin, say_error
from shipworthy.cli.ending import ends_with
from shipworthy.cli.failing import mistakes_of, tell
from shipworthy.cli.machine import trouble
from shipworthy.cli.sections import Sectioned
from shipworthy.errors import Mistake, ShipworthyError, WrongUse

INTERRUPTED = 130
app = typer.Typer(
    name="shipworthy",
    cls=Sectioned,
    help="A model ships only with proof: rebuilt, fast enough, better than what it replaces, and watched.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for family in (
    starting,
    adopting,
    services,
    proving,
    operating,
    watching,
    telling,
    looking,
    comparing,
    carrying,
    keeping,
    tracking,
    demo,
):
    family.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """A model ships only with proof."""


def main() -> None:
    """Entry point of the console script."""
    try:
        _told()
    except SystemExit as end:
        ends_with(end.code)
        raise
    except BaseException:
        ends_with(1)
        raise
    ends_with(0)


def _told() -> None:
    """Run a command; what goes wrong is said in a sentence, with `--json` as JSON too, and has an exit code."""
    begin()
    try:
        code = app(standalone_mode=False)  # what Typer says itself, such as of an option that there is not, comes here
    except ShipworthyError as error:
        _end(type(error).__name__, str(error), error.exit_code, mistakes_of(error))
    except TyperException as error:
        shown = getattr(error, "show", None)
        if shown is not None:
            shown()
        tell("WrongUse", error.format_message(), error.exit_code)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _interrupted()
    except Exception as error:
        found = trouble(error)
        if found is None:
            tell("Defect", f"{type(error).__name__}: {error}", 1)
            raise
        _end("WrongUse" if found.exit_code == WrongUse.exit_code else "Undecided", found.said, found.exit_code)
    if code == INTERRUPTED:  # Typer makes it of Ctrl-C, and says nothing
        _interrupted()
    sys.exit(code or 0)


def _interrupted() -> NoReturn:
    _end("Interrupted", "stopped; what was finished is kept, and the same command goes on from there", INTERRUPTED)


def _end(kind: str, message: str, code: int, mistakes: Sequence[Mistake] = ()) -> NoReturn:
    say_error(message)
    tell(kind, message, code, mistakes)
    sys.exit(code)
