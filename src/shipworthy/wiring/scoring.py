"""Scoring a table with the live release."""

from __future__ import annotations

from shipworthy.environments.workplace import workplace
from shipworthy.scoring.score import Scored, Scorer, score_rows
from shipworthy.wiring.answering import answering
from shipworthy.wiring.project import Project, Report, in_production, live_release
from shipworthy.wiring.workers import served


def score_table(project: Project, source: str, target: str, report: Report) -> Scored:
    """Score `source` into `target` as the contract of the live release has it."""
    project = in_production(project)
    model, live = project.contract.name, live_release(project)
    release, contract = served(project, live), project.contract
    with (
        workplace(project.layout.work(), "score") as work,
        answering(release.bundle, contract, work, release.command) as answer,
    ):
        scorer = Scorer(contract, release.bundle.description, live, answer)
        return score_rows(scorer, source, target, project.layout.logs(model), report)
