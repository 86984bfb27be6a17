"""Rehearsing a project's SLA on the real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipworthy.environments.workplace import workplace
from shipworthy.registry.records import Rehearsal
from shipworthy.rehearsal.rehearse import QUICK, THOROUGH, rehearse
from shipworthy.serving.launch import rehearse_server
from shipworthy.store.ledger import Entry
from shipworthy.wiring.project import Project, Report
from shipworthy.wiring.workers import OWN


def rehearse_project(
    project: Project, report: Report, *, quick: bool, model_ms: float | None = None
) -> tuple[Entry, Rehearsal]:
    """Measure, and keep what was measured."""
    contract = project.contract

    with workplace(project.layout.work(), "rehearse") as work:

        @contextmanager
        def start(folder: Path) -> Iterator[str]:
            workers = contract.serving.workers
            with rehearse_server(folder, contract, work, command=OWN, workers=workers) as url:
                yield url

        rehearsal = rehearse(
            contract, start, work / "stand-ins", report, pace=QUICK if quick else THOROUGH, model_ms=model_ms
        )
    return project.ledger.append("rehearsal", contract.name, rehearsal), rehearsal
