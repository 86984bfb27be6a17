"""compare: two contracts, and whether callers of the first would break under the second."""

from __future__ import annotations

from typing import Annotated

import typer

from shipworthy.cli.console import marked, say, say_json
from shipworthy.cli.options import HERE, Folder, Json
from shipworthy.errors import Refused


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(compare)


def compare(
    old: Annotated[str, typer.Argument(help="A contract's file, or a release or run: @live, delay@3, run-2d70.")],
    new: Annotated[str, typer.Argument(help="The same; the project's own contract if not given.")] = "",
    project: Folder = HERE,
    json: Json = False,
) -> None:
    """Compare two contracts: every difference, those first that break who calls by the old one."""
    from shipworthy.wiring.contracts import compare_contracts  # noqa: PLC0415 - start-up time

    found = compare_contracts(project, old, new)
    if json:
        say_json(found)
    else:
        say(*(marked("blocked" if change.breaks else "", str(change)) for change in found.changes))
        if not found.changes:
            say(marked("passed", "the two contracts promise the same"))
        elif found.outcome == "passed":
            raised = f", as version {found.version} says" if any(change.breaks for change in found.changes) else ""
            say(marked("passed", f"nothing breaks callers unannounced{raised}"))
    if found.outcome == "blocked":
        raise Refused(
            f"callers of {found.old} would break under {found.new}: raise model.version above {found.version_before}, "
            "or take the change back"
        )
