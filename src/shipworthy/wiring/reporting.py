"""Reports of a period, written as one HTML file."""

from __future__ import annotations

from pathlib import Path

from shipworthy import clock
from shipworthy.dashboard.period import PeriodView, of_ledger
from shipworthy.dashboard.report import render
from shipworthy.errors import WrongUse
from shipworthy.wiring.project import Project
from shipworthy.wiring.status import live_reference

_SUFFIXES = (".html", ".htm")


def period_of(project: Project, since: str | None, until: str | None) -> PeriodView:
    """The period of a project's model. Days as in 2013-04-01; the last one belongs to it."""
    start = None if since is None else _instant("--since", since)
    end = None if until is None else _instant("--until", until) + (clock.DAY if "T" not in until else 0)
    if start is not None and end is not None and end <= start:
        raise WrongUse(f"--since {since} --until {until}: expected a period that ends after it has begun")
    return of_ledger(project.ledger, project.contract, start, end, live_reference(project))


def check(target: Path) -> Path:
    """The file, if a report may be written there: what is no report is never overwritten. WrongUse."""
    if target.suffix.lower() not in _SUFFIXES:
        raise WrongUse(f"{target}: expected the name of a report, which ends in .html")
    if not target.parent.is_dir():
        raise WrongUse(f"{target}: there is no folder {target.parent}")
    return target


def write(view: PeriodView, target: Path) -> None:
    """Write a report, in the place of an earlier one."""
    check(target).write_text(render(view), encoding="utf-8")


def _instant(option: str, text: str) -> int:
    try:
        return clock.from_iso(text)
    except ValueError:
        raise WrongUse(f"{option} {text}: expected a day or an instant, such as 2013-04-01") from None
