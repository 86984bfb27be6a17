"""`ship` does by itself what alone can bring a run further."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from wiring.user import User

from shipworthy.registry.records import Rehearsal
from shipworthy.wiring.project import open_project
from shipworthy.wiring.shipping import foreseen, unfinished


def test_a_run_that_was_trained_before_the_rehearsal_is_trained_anew(
    begun: User, shipped: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No other check could mend that; a rehearsal of another SLA changes nothing."""
    user = begun.copy(tmp_path / "project")
    run = user.json("train")["id"]
    monkeypatch.setenv("SHIPWORTHY_CONFIG", user.settings["SHIPWORTHY_CONFIG"])
    project, steps = open_project(user.folder), []

    def asked() -> object:
        steps.clear()
        return unfinished(project, lambda step, _: steps.append(step))

    assert asked().id == run
    assert ["rehearsal" in sentence for sentence in foreseen(project)] == [True]
    (kept,) = shipped.entries("rehearsal")
    rehearsed = kept.decode(Rehearsal)
    for serving in ("another SLA", rehearsed.serving):
        made = msgspec.structs.replace(rehearsed, serving=serving)
        project.ledger.append("rehearsal", kept.model, made)
        assert (asked() is None) == (serving == rehearsed.serving)
    assert steps[-1] == "train anew: the SLA was rehearsed only after the newest run was trained"
    assert foreseen(project) == ()
    project.ledger.close()
