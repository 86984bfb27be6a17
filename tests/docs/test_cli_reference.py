"""docs/reference/cli.md: every command and every option stands there, and none that does not exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main
from docs.documents import DOCS
from typer.testing import CliRunner

from shipworthy.cli.app import app
from shipworthy.cli.sections import SECTIONS

PAGE = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_group(app).commands
COMMON = {"--project", "--json"}


def sections() -> dict[str, str]:
    """Command -> its section."""
    parts = re.split(r"^### (\S+)$", re.split(r"^## Before", PAGE, flags=re.MULTILINE)[1], flags=re.MULTILINE)
    sections = zip(parts[1::2], parts[2::2], strict=True)
    return {name: re.split(r"^## ", text, flags=re.MULTILINE)[0] for name, text in sections}


def names(command: str) -> dict[str, str]:
    """What the command takes, as it is written -> "argument" or "option"; without what all commands take."""
    found = {}
    for one in COMMANDS[command].params:
        argument = one.param_type_name == "argument"
        found[_written(one) if argument else max(one.opts, key=len)] = one.param_type_name
    return found


def test_every_command_has_a_section_and_no_other():
    assert set(sections()) == set(COMMANDS)


def test_help_lists_the_commands_under_the_headings_of_the_page():
    headings = re.split(r"^## (Before .+|From .+|In .+|Elsewhere|Looking)$", PAGE, flags=re.MULTILINE)[1:]
    on_page = {
        heading: tuple(re.findall(r"^### (\S+)$", text, re.MULTILINE))
        for heading, text in zip(headings[::2], headings[1::2], strict=True)
    }
    assert on_page == SECTIONS
    shown = CliRunner().invoke(app, ["--help"]).output
    assert all(f"\n{heading}:\n" in shown for heading in SECTIONS)
    assert "…" not in shown
    assert "..." not in shown.partition("Before there")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_and_option_has_a_line_and_no_other(command: str):
    told = re.findall(r"^\| `([^`]+)`", sections()[command], re.MULTILINE)
    assert sorted(told) == sorted(set(names(command)) - COMMON)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_begins_with_how_the_command_is_written(command: str):
    assert sections()[command].strip().startswith(f"`shipworthy {command}")


@pytest.mark.parametrize("option", sorted(COMMON))
def test_the_commands_without_a_common_option_are_named(option: str):
    sentence = re.search(rf"`{option}` (?:is taken )?by every command but (.+?)(?:;|\. )", PAGE, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`(\w+)`", sentence[1])) == {name for name in COMMANDS if option not in names(name)}


def test_arguments_that_may_be_left_out_are_in_brackets():
    for command, section in sections().items():
        written = re.match(r"\s*`([^`]+)`", section)
        assert written is not None
        arguments = (one for one in COMMANDS[command].params if one.param_type_name == "argument")
        optional = {_written(one) for one in arguments if not one.required}
        assert set(re.findall(r"\[(\w+)\]", written[1])) == optional, command


def _written(argument: Any) -> str:
    """An argument as the page writes it: by its metavar, else by its name in capitals."""
    return argument.metavar or str(argument.name).upper()
