"""`--json`: one JSON object on standard output and nothing else, however a command ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import typer
from cli.test_wrong_use import CONTRACT

from shipworthy.cli import console
from shipworthy.cli.app import app
from shipworthy.errors import Refused

COMMANDS = typer.main.get_command(app).commands
GIVEN = {
    "adopt": ["none.joblib"],
    "backup": ["kept"],
    "compare": ["none.toml"],
    "init": ["none.csv"],
    "lineage": ["@live"],
    "move": ["--database", "sqlite:///there.db"],
    "predict": ["row.json"],
    "report": ["report.html"],
    "retire": ["@1", "--because", "old"],
    "score": ["in.parquet", "out"],
    "show": ["run-1234"],
    "verify": ["none"],
    "waive": ["quality", "--until", "2099-01-01", "--because", "known"],
}
TAKES = sorted(name for name, command in COMMANDS.items() if any("--json" in one.opts for one in command.params))


@pytest.mark.parametrize("command", [name for name in TAKES if name != "demo"])
def test_where_there_is_no_project_a_program_reads_why(user, here, command):
    said = here(command, *GIVEN.get(command, []), *(["--once"] * (command in ("record", "watch"))), "--json", code=2)
    error = json.loads(said.out)["error"]
    assert error["kind"] in ("NotFound", "WrongUse")
    assert (error["message"], error["exit_code"]) == (said.err.strip(), 2)


@pytest.mark.parametrize("arguments", [["no-such-command"], ["status", "--no-such-option"], ["waive"], ["status", "x"]])
def test_what_the_command_line_itself_refuses(user, here, arguments):
    said = here(*arguments, "--json", code=2)
    error = json.loads(said.out)["error"]
    assert (error["kind"], error["exit_code"]) == ("WrongUse", 2)
    assert said.err.strip().endswith(error["message"])


def test_mistakes_of_a_contract_come_one_by_one(user, here):
    user.write("shipworthy.toml", CONTRACT.replace('"auc"', '"acu"'))
    error = json.loads(here("status", "--json", code=2).out)["error"]
    assert [mistake["key"] for mistake in error["mistakes"]] == ["gate.metric"]
    assert (error["kind"], error["mistakes"][0]["value"]) == ("ContractError", '"acu"')


@pytest.mark.parametrize("command", ["record", "watch", "refresh", "shadow"])
def test_what_goes_on_until_it_is_stopped_has_no_answer(user, here, command):
    user.write("shipworthy.toml", CONTRACT)
    given = ["--follow"] if command == "shadow" else []
    assert "expected --once with it" in json.loads(here(command, *given, "--json", code=2).out)["error"]["message"]


def test_what_is_done_once_has_an_answer(user, here):
    user.write("shipworthy.toml", CONTRACT)
    assert json.loads(here("prepare", "--json").out) == {"state": str(user.layout.state)}
    assert json.loads(here("refresh", "--once", "--json").out) == {"asked": None, "refreshes": []}
    waived = json.loads(here("waive", *GIVEN["waive"], "--json").out)
    assert (waived["check"], waived["because"]) == ("quality", "known")
    shown = here("show", user.entries("waiver")[0].id, "--json").out
    assert shown == here("show", user.entries("waiver")[0].id).out


def test_an_answer_of_no_is_the_only_object(user, here, monkeypatch):
    """A command that says its answer, and then refuses, leaves one object; the exit code has the rest."""

    def answer(**_: object) -> None:
        console.say_json({"fit": False})
        raise Refused("it is not fit")

    monkeypatch.setattr("shipworthy.cli.app.app", answer)
    said = here("check", "--json", code=1)
    assert (json.loads(said.out), said.err) == ({"fit": False}, "it is not fit\n")


@pytest.mark.parametrize(
    ("happens", "kind", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGINT)", "Interrupted", 128 + signal.SIGINT),
        ("{}['defect']", "Defect", 1),
        ("open('/dev/full', 'w', 1).write('x\\n')", "Undecided", 3),
    ],
)
def test_what_nobody_asked_for(happens, kind, code):
    program = (
        "import os, signal, sys; from typing import Annotated; import typer\n"
        "from shipworthy.cli import app as cli\n"
        "def fails(json: Annotated[bool, typer.Option('--json')] = False):\n"
        f"    {happens}\n"
        "cli.app.command('fails')(fails)\n"
        "sys.argv = ['shipworthy', 'fails', '--json']; cli.main()"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (said.returncode, json.loads(said.stdout)["error"]["kind"]) == (code, kind)
    assert ("Traceback" in said.stderr) == (kind == "Defect")
