"""Whatever drift is allowed, in whichever hours, no bet can be expected to win: E L <= 1, worked out exactly."""

from itertools import combinations_with_replacement, product
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.counts.reference import Regime
from shipworthy.monitoring.gathering import Evidence
from shipworthy.monitoring.radius import Radius, of_cells, of_each_cell
from shipworthy.monitoring.witnesses import fixed
from shipworthy.monitoring.witnesses.fixed import Fixed, cells, half_lines, intervals
from shipworthy.monitoring.witnesses.learned import Learned
from shipworthy.monitoring.witnesses.likelihood import Likelihood

BINS = 3
SHARES = st.lists(st.floats(0.02, 1.0), min_size=BINS, max_size=BINS).map(lambda raw: np.array(raw) / sum(raw))
HELD = st.lists(st.integers(0, 3), min_size=2, max_size=2).filter(any)


def outcomes(rows, shares):
    """Every way in which independent rows can fall into the bins, and its probability."""
    for chosen in combinations_with_replacement(range(BINS), rows):
        counts = np.bincount(chosen, minlength=BINS) if rows else np.zeros(BINS, dtype=np.int64)
        ways = factorial(rows) / prod(factorial(int(count)) for count in counts)
        yield counts, ways * float(np.prod(shares**counts))


def expectation(witness, held, truth):
    """(experts,) E L of a window of `held` rows a group, each group's drawn from its row of `truth`."""
    total = 0.0
    for parts in product(*(list(outcomes(rows, shares)) for rows, shares in zip(held, truth, strict=True))):
        counts = np.array([counts for counts, _ in parts], dtype=np.float64)
        log_l, betting = witness.bet(counts)
        total = total + prod(chance for _, chance in parts) * np.exp(np.where(betting, log_l, 0.0))
    return total


def moved(reference, held, budget, order, split):
    """The reference with that share of all rows moved, `split` of it in the first group, to the last bin of `order`."""
    truth = reference.copy()
    weights = np.array(held) / sum(held)
    for group, part in enumerate((split, 1 - split)):
        left = min(1.0, budget * part / weights[group]) if weights[group] else 0.0
        for giver in order[:-1]:
            taken = min(left, truth[group, giver])
            truth[group, giver] -= taken
            truth[group, order[-1]] += taken
            left -= taken
    return truth


def witnesses(reference, drift, bets):
    radius, whole = Radius(drift, np.array([500.0, 500.0]), 1.0, lambda rows: 0.0), reference.mean(axis=0)
    return [
        Learned(reference, radius, bets),
        Likelihood(reference, radius, bets),
        Fixed(cells(BINS), reference, radius, bets, fixed.of_cells(whole)),
        Fixed(half_lines(BINS, BINS), reference, radius, bets, fixed.of_half_lines(BINS, whole)),
        Fixed(intervals(BINS, BINS), reference, radius, bets, fixed.of_intervals(BINS, whole)),
    ]


@pytest.mark.parametrize("bets", ["row", "window"])
@settings(max_examples=60, deadline=None)
@given(
    one=SHARES,
    other=SHARES,
    drift=st.floats(0.02, 0.3),
    held=HELD,
    order=st.permutations(range(BINS)),
    split=st.floats(0, 1),
    past=st.lists(st.lists(st.integers(0, 30), min_size=2 * BINS, max_size=2 * BINS).filter(any), max_size=3),
)
def test_no_bet_profits_from_drift_that_is_allowed_however_it_is_spread_over_slots(
    bets, one, other, drift, held, order, split, past
):
    reference = np.stack([one, other])
    truth = moved(reference, held, drift, order, split)
    for witness in witnesses(reference, drift, bets):
        for counts in past:
            witness.learn(np.array(counts, dtype=np.float64).reshape(2, BINS))
        assert expectation(witness, held, truth).max() <= 1 + 1e-9


@settings(max_examples=40, deadline=None)
@given(one=SHARES, drift=st.floats(0.02, 0.3))
def test_experts_have_one_fortune_between_them(one, drift):
    """More than 1 would make more of nothing: the mean of their sums is one of its own only so."""
    for witness in witnesses(one[None, :], drift, "row"):
        assert np.exp(witness.log_weights).sum() == pytest.approx(1)


def test_the_same_bets_profit_from_more_drift_than_is_allowed():
    reference = np.array([[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]])
    truth = moved(reference, [3, 3], 0.4, [0, 1, 2], 0.5)
    found = [expectation(witness, [3, 3], truth).max() for witness in witnesses(reference, 0.05, "row")[2:]]
    assert min(found) > 1.2


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=5, max_size=5), min_size=1, max_size=6),
    st.sampled_from(["row", "window"]),
)
def test_one_slot_is_no_slot(windows, bets):
    regime = Regime("x", bets, 0.05, "")
    pooled, slotted = Evidence([90, 80, 70, 60, 50], 4, regime), Evidence(np.array([[90, 80, 70, 60, 50]]), 4, regime)
    for counts in windows:
        seen = np.array(counts)
        assert pooled.add(seen) == slotted.add(seen[None, :])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=5, max_size=5), min_size=1, max_size=6),
    st.integers(2, 50),
)
def test_rows_that_come_m_at_a_time_tell_what_one_of_each_would(windows, burst):
    """L^(1/m) of m times the rows is L of the rows."""
    reference, plain = [90, 80, 70, 60, 50], Regime("x", "row", 0.05, "")
    one, many = Evidence(reference, 4, plain), Evidence(reference, 4, Regime("x", "row", 0.05, "", burst=float(burst)))
    for counts in windows:
        found, repeated = one.add(np.array(counts)), many.add(np.array(counts) * burst)
        assert repeated.log_sum == pytest.approx(found.log_sum, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(1, 900), min_size=3, max_size=3),
    held=st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any),
)
def test_the_reference_is_worth_at_most_all_of_its_rows_and_at_least_the_thinnest_groups(rows, held):
    found = []
    radius = Radius(0.0, np.array(rows, dtype=np.float64), 1.0, lambda worth: found.append(worth) or 0.0)
    radius.of(np.array(held, dtype=np.float64))
    radius.of(np.array(rows, dtype=np.float64))
    there = [count for count, seen in zip(rows, held, strict=True) if seen]
    assert min(there) - 1e-6 <= found[0] <= sum(rows) + 1e-6
    assert found[1] == pytest.approx(sum(rows))


def test_the_share_of_every_cell_lies_within_its_bound_but_once_in_a_hundred_references():
    rng, cells_ = np.random.default_rng(0), 8
    p = np.array([0.5, 0.3, 0.1, 0.05, 0.03, 0.015, 0.005, 0.0])
    outside = 0
    for counts in rng.multinomial(300, p, 2_000):
        seen = counts / 300
        both = np.concatenate([p, 1 - p])
        outside += bool((both > np.concatenate([seen, 1 - seen]) + of_each_cell(seen, 300) + 1e-12).any())
    assert outside <= 0.01 * 2_000
    assert len(of_each_cell(p, 300)) == 2 * cells_


@settings(max_examples=40, deadline=None)
@given(SHARES, st.floats(5, 1e6))
def test_a_cells_own_bound_is_never_wider_than_that_of_any_cell_and_much_smaller_for_a_light_one(shares, rows):
    each = of_each_cell(shares, rows)
    assert (each > 0).all()
    assert (each <= of_cells(BINS, rows) + 1e-9).all()
    assert of_each_cell(np.array([0.0, 0.5, 0.5]), 1_000.0)[0] < 0.15 * of_cells(BINS, 1_000.0)
