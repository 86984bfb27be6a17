"""A reference from a named period of production: its rows and no others, frozen with the run that it belongs to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from recording.logs import CLASSES, FEATURES, MODEL, write

from shipworthy import clock
from shipworthy.contract.periods import compared, period
from shipworthy.counts import reference as counting
from shipworthy.errors import Refused
from shipworthy.lineage.records import Run
from shipworthy.monitoring.freezing import Rows
from shipworthy.predictions.log import LogWriter
from shipworthy.registry.manifest import REFERENCE_FILE
from shipworthy.wiring.project import Project, open_project
from shipworthy.wiring.record import recorder_of
from shipworthy.wiring.recorded_period import recorded, rows_of, together

START = clock.from_iso("2026-01-01T00:00:00Z")
CONTRACT = f"""
[model]
name = "{MODEL}"
[features]
carrier = {{ type = "category" }}
wind = {{ type = "float", nullable = true, on_violation = "flag" }}
seats = {{ type = "integer" }}
at = {{ type = "timestamp", nullable = true }}
[serving]
event_time = "at"
[monitoring]
lateness = "6h"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Ten days of predictions of two releases, 24 a day, and a last one two days later."""
    folder: Path = tmp_path_factory.mktemp("recorded")
    (folder / "shipworthy.toml").write_text(CONTRACT)
    opened = open_project(folder, needs="serving")
    for release, days in ((1, range(6)), (2, range(6, 10)), (3, range(11, 12))):
        log = LogWriter(opened.layout.logs(MODEL), f"w{release}-a", segment_bytes=2**20)
        log.open(MODEL, release, FEATURES, CLASSES, "at")
        for day in days:
            write(log, [START + day * clock.DAY + hour * clock.HOUR for hour in range(24)], seed=day)
        log.close()
    recorder = recorder_of(opened)
    recorder.flush()
    recorder.close()
    return opened


def test_the_rows_of_a_period_are_those_whose_event_time_lies_in_it(project):
    named = period("2026-01-03..2026-01-08")
    found = recorded(project, project.contract, named)
    assert (found.rows.num_rows, found.releases) == (6 * 24, (1, 2))
    assert sorted(found.times.tolist()) == [START + 2 * clock.DAY + hour * clock.HOUR for hour in range(6 * 24)]
    assert found.words == "144 predictions recorded 2026-01-03..2026-01-08, of release 1, 2"
    assert recorded(project, project.contract, named).identity == found.identity
    assert recorded(project, project.contract, period("2026-01-03..2026-01-07")).identity != found.identity


def test_nulls_of_the_period_are_its_nulls(project):
    rows = rows_of(recorded(project, project.contract, period("2026-01-01..2026-01-09")), project.contract.features)
    assert 0 < np.isnan(rows.columns[1]).mean() < 0.3
    assert rows.columns[0].dtype == object


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("2026-01-12..2026-01-12", "expected a period that is over, rows that may come 6h late included"),
        ("2026-01-05..2026-02-05", "recorded are predictions of 2026-01-01T00:00:00Z to 2026-01-12T23:00:00Z"),
        ("2025-01-05..2025-02-05", "holds no recorded prediction: recorded are predictions of 2026-01-01"),
    ],
)
def test_a_period_that_is_not_over_or_empty_is_refused_with_what_there_is(project, named, told):
    with pytest.raises(Refused, match=told):
        recorded(project, project.contract, period(named))


def test_a_period_without_a_feature_of_today_is_refused(project):
    found = recorded(project, project.contract, period("2026-01-01..2026-01-09"))
    features = (*project.contract.features, msgspec.structs.replace(project.contract.features[1], name="gusts"))
    with pytest.raises(Refused, match=r"predictions recorded 2026-01-01..2026-01-09.* missing: gusts.*training"):
        rows_of(found, features)


def test_training_and_a_period_together_hold_the_rows_of_both():
    one, other = Rows([np.array([1.0, 2.0])], np.array([1, 2])), Rows([np.array([3.0])], np.array([9]))
    both = together(one, other)
    assert (both.columns[0].tolist(), both.times.tolist()) == ([1, 2, 3], [1, 2, 9])
    assert together(one, Rows([np.array([3.0])], None)).times is None


@pytest.mark.parametrize(
    "text", ["", "production", "2026-01-01", "2026-02-01..2026-01-01", "training + training", "a..b", "training +"]
)
def test_what_names_no_reference_is_no_reference(text):
    with pytest.raises(ValueError, match=r"."):
        compared(text)


def test_a_run_is_compared_with_what_was_asked_meanwhile_and_says_so(user):
    """Before anything is recorded, nothing is trained; later rows than the period's are left out."""
    user.edit("shipworthy.toml", ('lateness = "6h"', 'lateness = "0s"\nreference = "2020-01-01..2020-01-31"'))
    refused = user.run("train", code=1).err
    assert "nothing is recorded yet" in refused
    assert len(user.entries("run")) == 2
    user.run("rollback")  # to the release whose answers take less time
    user.run("score", "data/patients.parquet", "scores")
    until = datetime.now(UTC).isoformat(timespec="milliseconds")
    user.run("score", "data/patients.parquet", "again")
    user.run("record", "--once")
    named = f"2020-01-01..{until.replace('+00:00', 'Z')}"
    user.edit("shipworthy.toml", ('"2020-01-01..2020-01-31"', json.dumps(f"training + {named}")))
    user.run("train")
    run = user.entries("run")[0].decode(Run)
    sha = next(file.digest for file in run.files if file.path == REFERENCE_FILE)
    found = counting.decode(user.objects.get(sha))
    patients = 442
    assert f"the training history and the {patients} predictions recorded {named}, of release 1" in found.origin
    assert {payoff.rows for payoff in found.payoffs if payoff.origin == "feature"} == {found.history.rows}
    assert found.holdout.rows < patients
    assert found.origin in found.regimes[0].words
    assert len(found.origin_rows) == 64
