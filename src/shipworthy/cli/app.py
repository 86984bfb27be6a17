"""The application: commands from their files, and errors turned into a message and an exit code.

Exit codes: 0 done or passed, 1 blocked (the answer is no), 2 wrong use or missing input, 3 could not decide.
"""

from __future__ import annotations

import sys

import typer

from shipworthy import __version__
from shipworthy.cli import (
    adopting,
    carrying,
    comparing,
    demo,
    looking,
    operating,
    proving,
    services,
    starting,
    telling,
    tracking,
    watching,
)
from shipworthy.cli.console import say_error
from shipworthy.cli.ending import ends_with
from shipworthy.cli.machine import trouble
from shipworthy.cli.sections import Sectioned
from shipworthy.errors import ShipworthyError

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
    """Run a command; what goes wrong is said in a sentence, and has an exit code."""
    try:
        app()
    except ShipworthyError as error:
        say_error(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:  # Typer makes an exit of Ctrl-C, and says nothing
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        say_error("stopped; what was finished is kept, and the same command goes on from there")
        sys.exit(INTERRUPTED)
    except Exception as error:
        found = trouble(error)
        if found is None:
            raise
        say_error(found.said)
        sys.exit(found.exit_code)
