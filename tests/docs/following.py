"""Somebody who follows a page word for word, and notes where it does not say what happens."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
from docs.documents import Block, blocks, edited, steps
from docs.matching import differences, ids
from docs.shell import Shell
from ports import free_port

from shipworthy.contract.reading import read
from shipworthy.monitoring.records import Alarm

OWN = ("CONDA_PREFIX", "PYTHON", "SHIPWORTHY_", "VIRTUAL_ENV")  # of whoever runs the tests, not of a reader
RECORDS = {"alarm": Alarm}


class Lost(Exception):
    """A command failed that the page does not say fails: nothing after it would mean anything."""


class Reader:
    """Follows pages in one folder. `mistakes` is what was found, a paragraph each."""

    def __init__(self, folder: Path, keys: Path, cache: Path, port: int | None = None) -> None:
        self.folder, self.port = folder, free_port(2) if port is None else port  # the server's, and the page's
        self.mistakes: list[str] = []
        # What stands on a page -> what it is here: ports, and ids as they come.
        self.told = {"8080": str(self.port), "8081": str(self.port + 1)}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OWN)},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SHIPWORTHY_CONFIG": str(keys),
            "SHIPWORTHY_CACHE": str(cache),
            "COLUMNS": "110",
            "LC_ALL": "C.UTF-8",
        }

    def follow(self, page: Path) -> None:
        """Do what a page says, in order."""
        shell = Shell(self.folder, self.environment)
        try:
            for block in blocks(page):
                self._do(block, shell)
        except Lost as lost:
            self.mistakes.append(str(lost))
        finally:
            shell.close()

    def _do(self, block: Block, shell: Shell) -> None:
        text = self._here(block.text)
        if block.action == "file":
            (self.folder / block.name).write_text(text, encoding="utf-8")
        elif block.action == "edit":
            self._edit(self.folder / block.name, text)
        elif block.action == "record":
            msgspec.json.decode(text, type=RECORDS[block.name])
        elif block.action == "not run":
            return
        elif block.language == "console":
            self._run(block, shell)
        elif block.language == "python":
            (self.folder / ".example.py").write_text(text, encoding="utf-8")
            self._expect_success(block, "python", *shell.run(".venv/bin/python .example.py; rm .example.py"))
        elif block.language == "toml":
            self._read(block, edited((self.folder / "shipworthy.toml").read_text(encoding="utf-8"), text))
        elif block.language == "json":
            msgspec.json.decode(text)

    def _edit(self, path: Path, changes: str) -> None:
        path.write_text(edited(path.read_text(encoding="utf-8"), changes), encoding="utf-8")
        read(path)

    def _read(self, block: Block, contract: str) -> None:
        copy = self.folder / ".example.toml"
        copy.write_text(contract, encoding="utf-8")
        try:
            read(copy)
        except ValueError as error:
            self.mistakes.append(f"{block.where}: {error}")
        finally:
            copy.unlink()

    def _run(self, block: Block, shell: Shell) -> None:
        todo = steps(block)
        for number, step in enumerate(todo):
            command = self._here(step.command)
            printed, code = shell.run(command)
            said = printed.splitlines()
            if command == "echo $?":  # the one number that matters
                if [line for line in said if line] != list(step.shown):
                    self.mistakes.append(f"{block.where}: the exit code is {printed.strip()}, not {step.shown}")
                continue
            wrong = differences([self._here(line) for line in step.shown], said)
            if wrong:
                self.mistakes.append(f"{block.where}: $ {command}\n{wrong}")
            self.told |= dict(ids(step.shown, said))
            if not (number + 1 < len(todo) and todo[number + 1].command == "echo $?"):
                self._expect_success(block, command, printed, code)

    def _expect_success(self, block: Block, command: str, printed: str, code: int) -> None:
        if code:
            raise Lost(f"{block.where}: {command} ended with {code}:\n{printed}")

    def _here(self, text: str) -> str:
        for there, here in self.told.items():
            text = text.replace(there, here)
        return text
