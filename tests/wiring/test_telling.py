"""What somebody is told of, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recording.logs import CONTRACT, MODEL, START, opened, write

from shipworthy import clock
from shipworthy.recording.following import Lag
from shipworthy.recording.lagging import note_shadow
from shipworthy.registry.records import AliasChange
from shipworthy.store.objects import Objects
from shipworthy.wiring.alerting import over, unsaid
from shipworthy.wiring.comparing import shadow_lag
from shipworthy.wiring.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with opened(tmp_path) as found:
        log = found.writer("w0-a")
        write(log, [START] * 7, arrived=clock.now() - clock.HOUR)
        log.close()
        yield Project(found.layout, CONTRACT, found.ledger, Objects(found.layout.objects))


def name_a_shadow(project: Project, release: int | None) -> None:
    number = len(project.ledger.entries("alias", MODEL)) + 1
    change = AliasChange("shadow", release, None, "to see", "me")
    project.ledger.append("alias", MODEL, change, subject="shadow", key=f"shadow:{number}")


def test_only_what_was_answered_since_it_was_named_waits_for_a_shadow(project: Project) -> None:
    assert shadow_lag(project) == Lag(0, 0.0, 0)
    name_a_shadow(project, 2)
    behind = shadow_lag(project)
    assert (behind.rows, behind.sources) == (7, 1)
    assert behind.seconds < 60, "an hour old, but the shadow is new"
    name_a_shadow(project, None)
    assert shadow_lag(project) == Lag(0, 0.0, 0)


def test_a_shadow_that_answers_wait_for_is_an_alert_until_it_has_caught_up(project: Project) -> None:
    rules = CONTRACT.recording
    note_shadow(project.ledger, MODEL, Lag(500, 2 * rules.alert_after / clock.SECOND, 1, 70), rules)
    (alert,) = unsaid(project)
    assert (alert.cause, alert.lasting) == ("shadow behind", True)
    assert "70 rows" in alert.text
    why = over(project, None, None)  # type: ignore[arg-type] # the watch is asked of its own alarms alone
    assert why(alert) == ""
    note_shadow(project.ledger, MODEL, Lag(0, 0.0, 0), rules)
    assert "caught up" in why(alert)
    assert unsaid(project) == [alert]
