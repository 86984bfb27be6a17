"""The conditions of a job put in place, before any code of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ASKED = "asked.jsonl"  # below the job's output: what was asked for, by which lines

Job = dict[str, Any]


def begin(job: Job) -> None:
    """Put the conditions in place; does nothing in a job that has none."""
    conditions = job.get("conditions") or {}
    if not conditions.get("watched"):
        return
    # Not at the top: no other training is to import what these need.
    from shipworthy.environments.runner.staging import chance, clock, machine  # noqa: PLC0415
    from shipworthy.environments.runner.staging.notes import Notes  # noqa: PLC0415

    notes = Notes(Path(job["output"]) / ASKED, Path(job["project"]))
    clock.stage(notes, conditions.get("clock"), still=conditions.get("still", False))
    chance.stage(notes, conditions.get("chance"))
    machine.stage(notes, conditions)
