"""A machine whose clock is two hours off: what was recorded last is still the newest, and is made again."""

from __future__ import annotations

import pytest

from shipworthy import clock

OFF = 2 * 3600 * clock.SECOND


@pytest.mark.parametrize("off", [OFF, -OFF])
def test_a_run_from_another_hour_is_made_again_and_does_not_pass_for_the_newest(project, monkeypatch, off):
    true = clock.now
    with monkeypatch.context() as then:
        then.setattr(clock, "now", lambda: true() + off)
        first = project.train(project.contract("steady"))
    second = project.train(project.contract("steady"))
    assert (first.at > second.at) == (off > 0)
    assert project.state.ledger.newest("run", "delay") == second
    found = project.rebuild(first)
    assert (found.rung, found.diagnosis) == ("bit-identical", None)
    assert found.seconds > 0
