"""The clipped ratio: whatever drift within the radius there is, its expectation is at most 1."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shipworthy.monitoring.witnesses.likelihood import clipped

SHARES = st.lists(st.floats(0.01, 1.0), min_size=6, max_size=6).map(lambda raw: np.array(raw) / sum(raw))


@settings(deadline=None)
@given(p=SHARES, q=SHARES, radius=st.floats(0.01, 0.6), worst=st.permutations(range(6)))
def test_no_distribution_within_the_radius_profits(p, q, radius, worst):
    payoff = clipped(p, q[None], radius)[0]
    moved, left = p.copy(), radius
    for giver in worst:  # mass goes to the bin that pays best, from the others in any order
        taken = min(left, moved[giver])
        moved[giver] -= taken
        left -= taken
        moved[payoff.argmax()] += taken
    assert payoff @ moved <= 1 + 1e-9
    assert payoff.min() > 0


@settings(deadline=None)
@given(p=SHARES, q=SHARES, radius=st.floats(0.01, 0.6))
def test_an_alternative_within_the_radius_is_not_bet_on_and_one_beyond_it_pays(p, q, radius):
    distance = np.abs(p - q).sum() / 2
    payoff = clipped(p, q[None], radius)[0]
    if distance <= radius:
        assert np.allclose(payoff, 1)
    elif distance > radius + 0.01:
        assert q @ np.log(payoff) > 0
