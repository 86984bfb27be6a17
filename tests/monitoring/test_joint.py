"""Pairs of features: what goes together differently is found though neither moves alone, and nothing else alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipworthy import clock
from shipworthy.contract.records import Feature, Monitoring
from shipworthy.counts import reference as counting
from shipworthy.counts.windows import add, count, encode
from shipworthy.monitoring.freezing import Rows, frozen
from shipworthy.monitoring.replaying import replayed
from shipworthy.monitoring.tables import decode as decode_profile
from shipworthy.monitoring.tables import encode as encode_profile
from shipworthy.monitoring.tables import profile

DAY = clock.DAY
FEATURES = (
    Feature(name="temp", type="float", nullable=True),
    Feature(name="dewp", type="float"),
    Feature(name="carrier", type="category"),
    Feature(name="wet", type="boolean"),
)
ROWS, DAYS = 400, 40


def rows(seed, rho=0.8, count_=ROWS):
    """Marginals are the same whatever rho is."""
    rng = np.random.default_rng(seed)
    temp = rng.normal(size=count_)
    dewp = rho * temp + np.sqrt(1 - rho**2) * rng.normal(size=count_)
    carrier = np.array(["AA", "UA", "WN", "B6", "DL"], dtype=object)[rng.integers(0, 5, count_)]
    wet = rng.random(count_) < 0.3
    said = rng.random(count_)
    return [temp, dewp, carrier, wet], np.stack([1 - said, said], axis=1)


def frozen_with(pairs):
    columns, answers = rows(1, count_=ROWS * DAYS)
    sample = Rows(columns, np.repeat(np.arange(DAYS) * DAY, ROWS))
    return frozen(FEATURES, sample, sample, answers, Monitoring(pairs=pairs, season="none"))


@pytest.fixture(scope="module")
def watched():
    return frozen_with(2)


def windows(reference, days, rho):
    return {day * DAY: count(reference, *rows([day, 7], rho)) for day in range(100, 100 + days)}


def alarms(reference, days, rho, pairs=2):
    return replayed(reference, windows(reference, days, rho), Monitoring(pairs=pairs)).alarms


def test_features_that_go_together_differently_are_found_though_neither_moves_alone(watched):
    [alarm] = alarms(watched, 20, 0.2)
    assert [one.payoff for one in alarm.moved] == ["temp × dewp"]
    assert "temp × dewp together by 2" in alarm.words
    assert (alarm.window - 100 * DAY) // DAY <= 3
    assert alarm.explained == ()
    assert alarms(frozen_with(0), 60, 0.2, pairs=0) == ()


def test_a_world_that_has_not_moved_is_silent_and_so_is_less_than_is_allowed(watched):
    assert alarms(watched, 365, 0.8) == ()
    assert alarms(watched, 120, 0.78) == ()


def test_the_pair_that_depends_on_each_other_most_comes_before_all_others(watched):
    joint = [payoff for payoff in watched.payoffs if payoff.origin == "joint"]
    assert joint[0].name == "temp × dewp"
    assert len(joint) == 2
    assert all(regime.drift == 0.05 for regime in watched.regimes)


def test_no_feature_is_in_more_than_two_pairs_while_there_are_others_and_all_are_taken_at_last():
    names = [payoff.name for payoff in frozen_with(4).payoffs if payoff.origin == "joint"]
    assert max(sum(feature.name in name for name in names) for feature in FEATURES) == 2
    assert sum(payoff.origin == "joint" for payoff in frozen_with(100).payoffs) == 6


def test_every_row_is_in_one_cell_of_a_pair_nulls_and_new_categories_too(watched):
    columns, answers = rows(3)
    columns[0][:50] = np.nan
    columns[2][:] = "new"
    counts = count(watched, columns, answers)
    for payoff, table in zip(watched.payoffs, counts.of_payoffs(watched), strict=True):
        assert table.sum() == ROWS
        if payoff.origin == "joint":
            assert table[-1] == 0


@given(st.integers(0, 2**32 - 1))
def test_counts_of_pairs_are_the_same_however_rows_are_shared_out(watched, seed):
    columns, answers = rows(5)
    shards = np.random.default_rng(seed).integers(0, 4, ROWS)
    together = count(watched, columns, answers)
    parts = [count(watched, *_part(columns, answers, shards == shard)) for shard in range(4)]
    merged = parts[0]
    for part in parts[1:]:
        merged = add(merged, part)
    assert encode(merged) == encode(together)


def _part(columns, answers, mask):
    return [column[mask] for column in columns], answers[mask]


def test_a_reference_with_pairs_reads_back_as_it_was_and_has_another_identity(watched):
    assert counting.decode(counting.encode(watched)) == watched
    assert watched.identity != frozen_with(0).identity


def test_what_has_one_value_is_in_no_pair():
    columns, answers = rows(1, count_=1_000)
    constant = [np.zeros(1_000), columns[1], columns[2], columns[3]]
    reference = counting.build(FEATURES, constant, None, answers, None, window=DAY, pairs=100)
    assert not any("temp" in payoff.name for payoff in reference.payoffs if payoff.origin == "joint")


def test_nulls_that_the_reference_has_are_a_group_of_their_own():
    columns, answers = rows(1, count_=1_000)
    columns[0][:100] = np.nan
    reference = counting.build(FEATURES, columns, None, answers, None, window=DAY, pairs=1)
    [pair] = [payoff for payoff in reference.payoffs if payoff.origin == "joint"]
    assert any(label.startswith("temp null, ") for label in pair.bins.labels)
    assert sum(n for n, label in zip(pair.counts, pair.bins.labels, strict=True) if "temp null" in label) == 100


def test_a_profile_of_a_table_may_have_pairs():
    columns, answers = rows(1, count_=5_000)
    table = {feature.name: column for feature, column in zip(FEATURES, columns, strict=True)}
    found = profile(table | {"p": answers[:, 1]}, score="p", pairs=1)
    assert [payoff.name for payoff in found.reference.payoffs if payoff.origin == "joint"] == ["temp × dewp"]
    assert decode_profile(encode_profile(found)) == found
