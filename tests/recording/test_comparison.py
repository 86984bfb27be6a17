"""Comparisons of answers: they add up however the rows are parted, and say how far scores lie apart."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shipworthy.recording.comparison import PARTS, Comparison, add, compared, decode, encode, quantile

DISTANCES = st.lists(st.one_of(st.just(0.0), st.floats(-1e9, 1e9, allow_subnormal=False)), min_size=1, max_size=60)


@given(DISTANCES, st.integers(0, 60))
def test_parts_add_up_to_the_whole_in_any_order(distances, cut):
    apart, live = np.array(distances), np.zeros(len(distances))
    differing = np.abs(apart) > 1
    whole = compared(live, apart, differing, ns=0)
    first = compared(live[:cut], apart[:cut], differing[:cut], ns=0)
    second = compared(live[cut:], apart[cut:], differing[cut:], ns=0)
    assert add(first, second) == add(second, first) == add(whole, Comparison())
    assert decode(encode(whole)) == whole


@given(DISTANCES, st.sampled_from([0.5, 0.99, 1.0]))
def test_a_quantile_is_the_true_one_rounded_up_by_less_than_a_bin(distances, share):
    counts = compared(np.zeros(len(distances)), np.array(distances), np.zeros(len(distances), bool), ns=0)
    sizes = np.sort(np.abs(distances))
    true = sizes[int(np.ceil(share * len(sizes) - 1e-9)) - 1]
    found = quantile(counts, share)
    assert true <= found * (1 + 1e-9)
    assert found <= max(true * 10 ** (1 / PARTS) * (1 + 1e-9), 2e-12 if true else 0.0)


def test_which_way_scores_moved_is_known():
    counts = compared(np.array([0.5, 0.5, 0.5]), np.array([0.6, 0.7, 0.5]), np.zeros(3, bool), ns=9)
    assert sum(rows for level, rows in counts.apart.items() if level > 0) == 2
    assert counts.apart[0] == 1
    assert msgspec.structs.replace(counts, apart={}) == Comparison(rows=3, answered=3, ns=9)
