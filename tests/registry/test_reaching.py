"""Forward: from data, code, environment or a package to the predictions that it reached."""

from datetime import UTC, datetime

import msgspec
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from shipworthy.errors import NotFound, WrongUse
from shipworthy.lineage.records import Run
from shipworthy.registry.aliases import Aliases
from shipworthy.wiring.looking import trace
from shipworthy.wiring.project import Project
from shipworthy.wiring.reaching import forward

MODEL = "flight-delay"


@pytest.fixture
def project(layout, contract, ledger, objects, make_release, make_run):
    """Releases 1 and 2 were made from version 12, one run from 13 is not released; 1 has answered five, 2 three."""
    make_release(seed=1, version=12)
    make_release(seed=2, version=12)
    make_run(seed=3, version=13)
    Aliases(ledger).promote(MODEL, 1, because="released", by="ann")
    path = str(layout.predictions(MODEL))
    rows = [(1, day) for day in range(1, 6)] + [(2, day) for day in range(6, 9)]
    table = {
        "prediction_id": [f"{release}-w0-0-{day}-0" for release, day in rows],
        "release": pa.array([release for release, _ in rows], pa.int32()),
        "arrived": [datetime(2026, 3, day, tzinfo=UTC) for _, day in rows],
    }
    write_deltalake(path, pa.table(table))
    return Project(layout, contract, ledger, objects)


@pytest.mark.parametrize("name", ["delta:data/flights@12", "flights@12"])
def test_a_data_version_reaches_the_predictions_of_every_release_made_of_it(project, name):
    found = forward(project, name, 2)
    assert (found.kind, found.predictions) == ("data", 8)
    told = [(each.release, each.predictions, each.first, each.last, each.ids) for each in found.reached]
    assert told == [
        (1, 5, "2026-03-01T00:00:00Z", "2026-03-05T00:00:00Z", ("1-w0-0-5-0", "1-w0-0-4-0")),
        (2, 3, "2026-03-06T00:00:00Z", "2026-03-08T00:00:00Z", ("2-w0-0-8-0", "2-w0-0-7-0")),
    ]
    assert [change.alias for change in found.reached[0].aliases] == ["live"]


def test_what_reached_nobody_says_so(project):
    found = forward(project, "flights@13")
    assert (len(found.runs), found.reached, found.predictions) == (1, (), 0)


def test_a_commit_a_lock_and_a_package_are_followed_too(project, ledger, contract):
    (newest, *_) = ledger.entries("run", MODEL)
    run = newest.decode(Run)
    assert (forward(project, "c0ffee").kind, forward(project, "c0ffee").predictions) == ("commit", 8)
    lock = "f00d" * 16
    environment = msgspec.structs.replace(run.environment, distributions={"scikit_learn": "1.9.0"}, lock=lock)
    ledger.append("run", MODEL, msgspec.structs.replace(run, environment=environment, seed=9))
    assert forward(project, lock[:10]).kind == "lock"
    found = forward(project, "scikit-learn==1.9.0")
    assert (found.kind, [each.seed for each in found.runs]) == ("package", [9])
    with pytest.raises(NotFound, match=r"no run was made with scikit-learn==1\.8\.0"):
        trace(project, "scikit-learn==1.8.0")


def test_what_nothing_was_made_from_is_told(project):
    with pytest.raises(NotFound, match="flights@99"):
        forward(project, "flights@99")
    with pytest.raises((NotFound, WrongUse), match="nowhere"):
        trace(project, "nowhere")


def test_backward_people_stand_with_a_release(project):
    found = trace(project, "@1")
    assert (found.owner, found.aliases[0].by) == ("ops@example.com", "ann")
