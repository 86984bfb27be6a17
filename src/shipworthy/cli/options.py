"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--project", "-C", help="The folder of shipworthy.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
HERE = Path()
NO_END = "--json is said at the end, and this goes on until it is told to stop: expected --once with it"
