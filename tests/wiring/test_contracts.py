"""`compare`: what differs between two contracts, and which exit code says that callers would break."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shipworthy.cli.app import app
from shipworthy.errors import NotFound, Refused
from shipworthy.wiring.contracts import compare_contracts

OLD = '[model]\nname = "delay"\n[features]\nwind = { type = "float", max = 90 }\n[serving]\ndeadline_ms = 50\n'


def compared(tmp_path: Path, *changes: tuple[str, str]) -> tuple[Path, Path]:
    new = OLD
    for before, after in changes:
        assert before in new
        new = new.replace(before, after)
    (tmp_path / "old.toml").write_text(OLD)
    (tmp_path / "shipworthy.toml").write_text(new)
    return tmp_path / "old.toml", tmp_path / "shipworthy.toml"


@pytest.mark.parametrize(
    ("change", "outcome", "breaks"),
    [
        (("max = 90", "max = 90"), "passed", []),
        (("max = 90", "max = 100"), "passed", [False]),
        (("max = 90", "max = 80"), "blocked", [True]),
        (("deadline_ms = 50", "deadline_ms = 40"), "blocked", [True]),
        (("deadline_ms = 50", "deadline_ms = 60"), "passed", [False]),
        (("deadline_ms = 50", ""), "passed", [False]),
    ],
)
def test_what_breaks_is_blocked_and_the_rest_is_told(
    tmp_path: Path, change: tuple[str, str], outcome: str, breaks: list[bool]
) -> None:
    old, new = compared(tmp_path, change)
    found = compare_contracts(tmp_path, str(old), str(new))
    assert (found.outcome, [one.breaks for one in found.changes]) == (outcome, breaks)
    assert compare_contracts(tmp_path, str(old), "").changes == found.changes


def test_a_raised_version_lets_callers_break_and_says_so(tmp_path: Path) -> None:
    old, _ = compared(tmp_path, ("max = 90", "max = 80"), ('name = "delay"', 'name = "delay"\nversion = 2'))
    found = compare_contracts(tmp_path, str(old), "")
    assert (found.outcome, found.version_before, found.version) == ("passed", 1, 2)


def test_the_command_names_what_breaks_and_refuses(tmp_path: Path) -> None:
    old, new = compared(tmp_path, ("max = 90", "max = 80"))
    ended = CliRunner().invoke(app, ["compare", str(old), str(new), "--project", str(tmp_path)])
    assert "features.wind.max: 90.0 → 80.0: values outside at most 80 are refused" in ended.output
    assert isinstance(ended.exception, Refused)
    assert CliRunner().invoke(app, ["compare", str(old), str(old)]).exit_code == 0


def test_a_contract_that_is_not_there_is_named(tmp_path: Path) -> None:
    old, _ = compared(tmp_path)
    with pytest.raises(NotFound, match=r"gone\.toml"):
        compare_contracts(tmp_path, str(old), "gone.toml")
    with pytest.raises(NotFound):
        compare_contracts(tmp_path, "@live", str(old))
