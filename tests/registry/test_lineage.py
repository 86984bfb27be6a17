"""From a release back to the data, and from a data version forward to every release made of it."""

import msgspec
import pytest

from shipworthy.errors import NotFound, WrongUse
from shipworthy.lineage.records import Rebuild, Run
from shipworthy.registry.aliases import Aliases
from shipworthy.registry.lineage import lineage_of_release, lineage_of_run, lineage_of_version
from shipworthy.registry.records import Verdict

MODEL = "flight-delay"


def test_from_a_release_back_to_run_data_code_and_environment(make_release, ledger):
    entry = make_release()
    run = ledger.get(entry.subject).decode(Run)
    lineage = lineage_of_release(ledger, MODEL, 1)
    assert lineage.id == entry.id
    assert lineage.run.id == entry.subject
    assert [(data.version, data.digest) for data in lineage.run.data] == [("delta:data/flights@12", run.data[0].digest)]
    assert (lineage.run.code, lineage.run.commit) == (run.code.digest, "c0ffee")
    assert lineage.run.lock == run.environment.lock
    assert lineage.run.parameters == {"learning_rate": 0.08}
    assert {verdict.check for verdict in lineage.verdicts} == {"data", "quality", "rebuild"}


def test_what_was_found_about_a_run_stands_in_its_lineage_newest_verdict_first(make_run, ledger):
    run = make_run()
    for outcome in ("blocked", "passed"):
        ledger.append("verdict", MODEL, Verdict("quality", outcome, outcome), subject=run.id)
    rebuild = Rebuild(1, run.id, "bit-identical", "prediction-identical", 0.0, (), 1.0, 0, None)
    made = ledger.append("rebuild", MODEL, rebuild, subject=run.id)
    lineage = lineage_of_run(ledger, run)
    assert [(verdict.check, verdict.outcome) for verdict in lineage.verdicts] == [("quality", "passed")]
    assert [(rebuild.id, rebuild.rung) for rebuild in lineage.rebuilds] == [(made.id, "bit-identical")]
    assert lineage.releases == ()


def test_when_a_release_was_live_is_told(make_release, ledger):
    make_release(seed=1), make_release(seed=2)
    aliases = Aliases(ledger)
    aliases.promote(MODEL, 1, because="released", by="ann", at=100)
    aliases.promote(MODEL, 2, because="better", by="ann", at=200)
    told = [(a.alias, a.at, a.began) for a in lineage_of_release(ledger, MODEL, 1).aliases]
    assert told == [("live", 100, True), ("live", 200, False), ("previous", 200, True)]


@pytest.mark.parametrize("name", ["delta:data/flights@12", "flights@12"])
def test_forward_from_a_data_version_to_runs_and_releases(make_release, make_run, ledger, name):
    made = make_release(seed=1, version=12)
    again = make_run(seed=2, version=12)
    make_run(seed=3, version=13)
    lineage = lineage_of_version(ledger, name)
    assert [(run.id, run.releases) for run in lineage.runs] == [(again.id, ()), (made.subject, (1,))]


@pytest.mark.parametrize("name", ["flights", "delta:data/flights"])
def test_a_source_alone_is_enough_while_all_was_made_from_one_version_of_it(make_run, ledger, name):
    run = make_run(version=12)
    assert [found.id for found in lineage_of_version(ledger, name).runs] == [run.id]
    make_run(version=13)
    with pytest.raises(WrongUse, match="several data versions") as raised:
        lineage_of_version(ledger, name)
    assert "delta:data/flights@13" in str(raised.value)


def test_a_data_version_by_the_beginning_of_its_digest(make_run, ledger):
    run = make_run(version=12)
    make_run(version=13)
    pin = run.decode(Run).data[0]
    assert [found.id for found in lineage_of_version(ledger, pin.digest[:10]).runs] == [run.id]
    with pytest.raises(WrongUse, match="several data versions") as raised:  # equal rows in two versions
        lineage_of_version(ledger, pin.content_digest[:10])
    assert "delta:data/flights@12" in str(raised.value)


def test_a_data_version_that_nothing_was_made_from_is_named(make_run, ledger):
    make_run()
    with pytest.raises(NotFound, match="flights@99"):
        lineage_of_version(ledger, "flights@99")


def test_a_release_that_does_not_exist_is_named(ledger):
    with pytest.raises(NotFound, match="flight-delay has no release 4"):
        lineage_of_release(ledger, MODEL, 4)


def test_lineage_is_json(make_release, ledger):
    make_release()
    assert msgspec.json.decode(msgspec.json.encode(lineage_of_release(ledger, MODEL, 1)))["run"]["seed"] == 13
