"""The rules of others: their figures are those that statisticians' libraries give for the same counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from shipworthy.contract.records import Feature
from shipworthy.counts.reference import build
from shipworthy.counts.windows import count
from shipworthy.replay import rules

RNG = np.random.default_rng(5)
BEFORE = RNG.normal(0, 2, 4_000)
KINDS = np.array(["a", "b", "c", "d"], dtype=object)[RNG.integers(0, 4, 4_000)]


def against(values, kinds):
    """The reference of BEFORE and KINDS, and counts of other rows."""
    features = (Feature(name="x", type="float"), Feature(name="kind", type="category"))
    reference = build(features, [BEFORE, KINDS], None, np.full((4_000, 1), 0.5), None, window=1)
    return reference, count(reference, [values, kinds], np.full((len(values), 1), 0.5))


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 19, 40])
@pytest.mark.parametrize("value", [0.3, 2.0, 11.0, 60.0])
def test_the_tail_of_chi_squared(value, freedom):
    assert rules.chi_squared_tail(value, freedom) == pytest.approx(stats.chi2.sf(value, freedom), rel=1e-9)


@pytest.mark.parametrize("distance", [0.01, 0.03, 0.08])
def test_the_chance_of_a_distance(distance):
    exact = stats.kstwo.sf(distance, 2_000)  # of one sample whose size is that of two of 4,000
    assert rules.kolmogorov(distance, 4_000, 4_000) == pytest.approx(exact, abs=0.005)


def test_categories_are_tested_by_their_table():
    kinds = np.array(["a", "b", "c", "d"], dtype=object)[np.arange(800) % 7 % 4]
    reference, counts = against(BEFORE[:800], kinds)
    table = [[(side == kind).sum() for kind in "abcd"] for side in (KINDS, kinds)]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert rules.p_value(reference.payoffs[1], counts.of_payoffs(reference)[1]) == pytest.approx(expected, rel=1e-9)


def test_a_shift_of_numbers_is_measured_in_standard_deviations():
    moved = BEFORE + 1.0
    reference, counts = against(moved, KINDS)
    expected = stats.wasserstein_distance(BEFORE, moved) / BEFORE.std()
    found = rules.wasserstein(reference.payoffs[0], counts.of_payoffs(reference)[0])
    assert found == pytest.approx(expected, rel=0.2)  # bins know no value to itself


def test_a_rule_fires_where_its_figure_passes_its_limit_and_not_on_the_reference():
    reference, same = against(BEFORE, KINDS)
    _, moved = against(BEFORE + 2.0, KINDS)
    for rule in rules.RULES.values():
        assert not rules.fires(rule, reference, same), rule.name
        assert rules.fires(rule, reference, moved), rule.name
    [strict] = rules.parse(["psi>9"])
    assert not rules.fires(strict, reference, moved)
