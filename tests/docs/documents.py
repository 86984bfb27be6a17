"""The examples of a page: its fenced blocks, and what the comment in the line above a block says of it.

    <!-- file: NAME -->     the block is the content of NAME
    <!-- edit: NAME -->     each key of the block (TOML) takes the place of that key in NAME
    <!-- record: KIND -->   the block (JSON) is a record of the ledger
    <!-- not run: WHY -->   the block is for people alone

Without a comment `console` is run, `python` is run by the project's Python, `toml` has to be a part of a contract and
`json` has to be JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^\s*```(\w*)$")
_MARK = re.compile(r"^<!-- (file|edit|record|not run): (.*) -->$")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int  # of its first line of text, from 1
    language: str
    action: str  # "file", "edit", "record", "not run" or ""
    name: str  # what stands behind the action
    text: str

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Step:
    """A command of a console block, and the lines that the page shows after it."""

    command: str
    shown: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found, start, language = [], None, ""
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        assert not (fence and line.startswith(" ")), f"{page}:{number + 1}: an indented block would not be run"
        if fence and start is None:
            start, language = number + 1, fence[1]
        elif line == "```" and start is not None:
            mark = _MARK.match(lines[start - 2]) if start >= 2 else None
            action, name = (mark[1], mark[2]) if mark else ("", "")
            text = "\n".join(lines[start:number]) + "\n"
            found.append(Block(page, start + 1, language, action, name, text))
            start = None
    assert start is None, f"{page}: the block of line {start} has no end"
    return found


def steps(block: Block) -> list[Step]:
    """The commands of a console block: "$ " begins one, "> " goes on with it, all else is what it shows."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1][0].append(line[2:])
        else:
            assert found, f"{block.where}: shows output before any command"
            found[-1][1].append(line)
    return [Step("\n".join(command), tuple(shown)) for command, shown in found]


def edited(text: str, changes: str) -> str:
    """A contract with the keys of a TOML fragment put in; keys that stand commented out are written, others added."""
    lines, section = text.splitlines(), ""
    for change in changes.splitlines():
        if change.startswith("["):
            section = change.partition("]")[0] + "]"
        elif change.strip() and not change.startswith("#"):
            lines = _with(lines, section, change)
    return "\n".join(lines) + "\n"


def _with(lines: list[str], section: str, change: str) -> list[str]:
    key = change.partition("=")[0].strip()
    headers = [number for number, line in enumerate(lines) if line.lstrip("# ").startswith(section)]
    if not headers:
        return [*lines, "", section, change]
    begin = headers[0]
    following = (n for n in range(begin + 1, len(lines)) if re.match(r"(# )?\[\w", lines[n]))
    end = next(following, len(lines))
    made = list(lines)
    made[begin] = made[begin].removeprefix("# ")
    for number in range(begin + 1, end):
        if lines[number].removeprefix("# ").partition("=")[0].strip() == key:
            made[number] = change
            return made
    return [*made[: begin + 1], change, *made[begin + 1 :]]
