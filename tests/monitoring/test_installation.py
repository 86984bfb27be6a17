"""One promise over several models: the parts add up to no more, and none is more than its contract."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitoring.world import CONTRACT, MODEL, REFERENCE

from shipworthy import clock
from shipworthy.contract.records import Monitoring
from shipworthy.errors import WrongUse
from shipworthy.monitoring.following import Following
from shipworthy.monitoring.installation import Installation, in_words, part_of, split, within
from shipworthy.store.objects import Objects
from shipworthy.wiring.project import Project
from shipworthy.wiring.promised import KIND, as_promised, installation_of, promise, yearly

yearly_numbers = st.floats(0.01, 1_000)


@given(yearly_numbers, st.dictionaries(st.text("abc", min_size=1), yearly_numbers, min_size=1))
def test_parts_are_within_both_promises_and_nothing_is_given_away(total, asked):
    parts = split(total, asked).parts
    assert sum(part.given for part in parts) == pytest.approx(min(total, sum(asked.values())))
    assert all(part.given <= part.asked for part in parts)
    assert {part.model: part.asked for part in parts} == asked


def test_models_that_ask_for_less_get_less():
    given_ = {part.model: part.given for part in split(2, {"calm": 1, "lively": 3}).parts}
    assert given_ == {"calm": 0.5, "lively": 1.5}


def test_a_smaller_part_takes_more_evidence():
    alone = Following(1, REFERENCE, CONTRACT.monitoring, 4)
    part = part_of(split(1, {MODEL: 1, "other": 3}), MODEL)
    shared = Following(1, REFERENCE, within(CONTRACT.monitoring, part), 4)
    assert shared.log_threshold > alone.log_threshold


def test_a_part_never_loosens_a_contract():
    careful = Monitoring(false_alarms=0.1)
    assert within(careful, part_of(split(4, {MODEL: 1.0}), MODEL)) == careful
    assert within(careful, None) == careful


@pytest.fixture
def project(world):
    return Project(world.layout, CONTRACT, world.ledger, Objects(world.layout.objects))


def test_a_promise_is_kept_in_the_ledger_said_once_and_taken_back(world, project, monkeypatch):
    monkeypatch.setattr("shipworthy.wiring.promised.in_production", lambda one: one)
    promise([project], 0.25)
    promise([project], 0.25)
    assert len(world.ledger.entries(KIND, MODEL)) == 1
    assert as_promised(project).contract.monitoring.false_alarms == 0.25
    assert "0.25 a year that all 1 models" in in_words(installation_of(world.ledger, MODEL), MODEL)
    promise([project], None)
    promise([project], None)
    assert len(world.ledger.entries(KIND, MODEL)) == 2
    assert as_promised(project).contract == CONTRACT
    assert in_words(installation_of(world.ledger, MODEL), MODEL) == ""


def test_a_model_that_was_not_among_them_keeps_its_contract(world, project):
    world.ledger.append(KIND, MODEL, split(0.1, {"another": 1.0}))
    assert as_promised(project).contract == CONTRACT


def test_nothing_is_written_where_nothing_was_ever_promised(world, project):
    promise([project], None)
    assert world.ledger.entries(KIND, MODEL) == []


def test_an_old_record_reads_back_as_it_was():
    found = split(2, {"b": 1, "a": 2})
    assert msgspec.json.decode(msgspec.json.encode(found), type=Installation) == found


@pytest.mark.parametrize(
    ("text", "number"), [("4 per year", 4.0), ("2", 2.0), ("1 a week", clock.DAY * 365.25 / (7 * clock.DAY))]
)
def test_a_promise_is_written_as_in_a_contract(text, number):
    assert yearly(text) == pytest.approx(number, rel=0.01)


@pytest.mark.parametrize("text", ["often", "0 per year", "-1", ""])
def test_a_promise_that_is_none_is_refused_with_what_was_expected(text):
    with pytest.raises(WrongUse, match="expected how often, such as"):
        yearly(text)
