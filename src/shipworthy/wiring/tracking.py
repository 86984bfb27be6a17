"""The trackers that a project's environment names, and telling them what stands in the ledger."""

from __future__ import annotations

import os
from collections import Counter

from shipworthy.trackers import outbox
from shipworthy.trackers.outbox import Sent
from shipworthy.trackers.records import Tracker, TrackerName
from shipworthy.wiring.project import Project

MLFLOW = "SHIPWORTHY_MLFLOW_TRACKING_URI"
WANDB = "SHIPWORTHY_WANDB_PROJECT"
_VARIABLES: dict[TrackerName, str] = {"mlflow": MLFLOW, "wandb": WANDB}


def named() -> tuple[TrackerName, ...]:
    """The trackers that are switched on."""
    return tuple(name for name, variable in _VARIABLES.items() if os.environ.get(variable))


def tracker_of(project: Project, name: TrackerName) -> Tracker:
    """One of them. WrongUse where what it needs is not installed."""
    if name == "mlflow":
        from shipworthy.trackers.mlflow import MlflowTracker  # noqa: PLC0415 - slow to import, and an extra

        return MlflowTracker(os.environ[MLFLOW], project.ledger, project.objects)
    from shipworthy.trackers.wandb import WandbTracker  # noqa: PLC0415 - slow to import, and an extra

    return WandbTracker(os.environ[WANDB], project.layout.state / "wandb", project.ledger, project.objects)


def synchronise(project: Project) -> tuple[Sent, ...]:
    """Tell every tracker what it has not been told; what waits, and why, is in the result."""
    model = project.contract.name
    return tuple(outbox.synchronise(project.ledger, model, tracker_of(project, name)) for name in named())


def waiting(project: Project) -> tuple[str, ...]:
    """What trackers have not been told, a line each; () where nothing waits."""
    lines = []
    for name in named():
        found = outbox.waiting(project.ledger, project.contract.name, name)
        if found:
            counts = Counter(each.kind for each in found)
            kinds = ", ".join(f"{kind} {number}" for kind, number in counts.items())
            lines.append(f"{name}: {len(found)} entries wait ({kinds}); `shipworthy sync` tells them")
    return tuple(lines)
