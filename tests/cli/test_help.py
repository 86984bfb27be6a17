"""Every command says what it is for."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from shipworthy import __version__
from shipworthy.cli.app import app

COMMANDS = typer.main.get_command(app).commands


def test_the_program_lists_its_commands_and_its_version(user):
    said = user.run("--help").out
    assert [name for name in COMMANDS if f"\n  {name} " not in said] == []
    assert user.run("--version").out.strip() == __version__


def test_without_a_command_the_help_is_shown(user):
    said = user.run(code=2)
    assert "Before there is a model:" in said.out + said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_and_all_that_it_is_given(name):
    said = CliRunner().invoke(app, [name, "--help"])
    assert said.exit_code == 0
    words = " ".join(said.output.split())
    command = COMMANDS[name]
    unexplained = [given.name for given in command.params if not getattr(given, "help", None)]
    assert unexplained == []
    assert [text for text in (command.help, *(given.help for given in command.params)) if text not in words] == []
