"""Rehearsing a project's SLA on the real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shipworthy.contract.records import Contract
from shipworthy.environments.workplace import workplace
from shipworthy.gate.checks import rehearsal
from shipworthy.registry.records import Rehearsal, Verdict
from shipworthy.rehearsal.rehearse import QUICK, THOROUGH, rehearse
from shipworthy.serving.launch import rehearse_server
from shipworthy.store.ledger import Entry
from shipworthy.wiring.project import Project, Report
from shipworthy.wiring.workers import OWN


def rehearsal_verdict(project: Project, contract: Contract, started: int) -> Verdict:
    """Whether the SLA of a contract was rehearsed before an instant (ns since 1970, UTC), as a training's beginning."""
    found = [
        rehearsal.Rehearsed(entry.id, entry.at, entry.decode(Rehearsal))
        for entry in project.ledger.entries("rehearsal", contract.name)
    ]
    return rehearsal.rehearsal(contract.serving_digest, started, found)


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

        made = rehearse(
            contract, start, work / "stand-ins", report, pace=QUICK if quick else THOROUGH, model_ms=model_ms
        )
    return project.ledger.append("rehearsal", contract.name, made), made
