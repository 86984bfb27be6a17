"""Every command that a page shows exists, with the options that it is given; also where it is not run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from docs.documents import DOCS, ROOT, blocks, steps

from shipworthy.cli.app import app

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS = typer.main.get_group(app).commands


def commands(page: Path) -> list[str]:
    """What stands behind a prompt, without the commands around it in the same line."""
    lines = [step.command for block in blocks(page) if block.language == "console" for step in steps(block)]
    parts = [part for line in lines for part in re.split(r"\||&&|;|<|>", line)]
    return [part[part.index("shipworthy ") :] for part in parts if re.match(r"\s*(\w+=\S+ )*shipworthy ", part)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_exist(page: Path):
    wrong = []
    for line in commands(page):
        words = shlex.split(line, comments=True)[1:]
        command = COMMANDS.get(words[0])
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} if command else set()
        unknown = [word for word in words[1:] if word.startswith("-") and word not in known]
        if (command is None and words[0] != "--version") or unknown:
            wrong.append(line)
    assert not wrong
