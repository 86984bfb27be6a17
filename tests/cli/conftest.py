"""A user with an empty folder, and a quick way to the command line that takes no process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from wiring.user import Said, User, settings

from shipworthy.cli import main


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path / "project", settings(tmp_path, tmp_path / "cache"))


@pytest.fixture
def here(user: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs a command inside the test's own process: the start of one takes longer than most mistakes."""
    monkeypatch.chdir(user.folder)
    for name in os.environ.keys() - user.settings.keys():
        monkeypatch.delenv(name)
    for name, value in user.settings.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> Said:
        monkeypatch.setattr(sys, "argv", ["shipworthy", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == code, said.err
        return Said(code, said.out, said.err)

    return run
