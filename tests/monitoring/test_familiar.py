"""The familiar statistics, against their definitions and SciPy's."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from shipworthy.counts import bins
from shipworthy.monitoring.familiar import familiar

CELLS = bins.build("integer", np.repeat([1, 2, 3, 4], 100))  # under, 1, 2, 3, 4, over, null and between


def test_the_same_shares_give_zeros_whatever_the_number_of_rows():
    reference = np.bincount(bins.assign(CELLS, np.repeat([1, 2, 3, 4], 100)), minlength=CELLS.size)
    found = familiar(CELLS, reference.tolist(), reference * 3)
    assert (found.stability, found.steps, found.missing, found.unseen) == (0, 0, 0, 0)
    assert found.divergence == pytest.approx(0, abs=1e-9)


def test_each_statistic_says_what_its_definition_says():
    before = np.bincount(bins.assign(CELLS, np.repeat([1, 2, 3, 4], 100)), minlength=CELLS.size)
    values = np.array([1.0] * 10 + [2.0] * 20 + [3.0] * 30 + [9.0] * 20 + [np.nan] * 20)
    after = np.bincount(bins.assign(CELLS, values), minlength=CELLS.size)
    found = familiar(CELLS, before.tolist(), after)
    p, q = before / before.sum(), after / after.sum()
    assert found.divergence == pytest.approx(jensenshannon(p, q, base=2))
    assert (found.missing, found.unseen) == (0.2, 0.2)
    assert found.steps == pytest.approx(0.25)  # the largest gap lies before 4: 75% against 6 of 8
    floored = np.maximum([p, q], 1e-4)
    assert found.stability == pytest.approx(((floored[1] - floored[0]) * np.log(floored[1] / floored[0])).sum())


def test_a_window_without_any_value_is_missing_and_has_no_steps():
    before = np.bincount(bins.assign(CELLS, np.repeat([1, 2, 3, 4], 100)), minlength=CELLS.size)
    after = np.zeros(CELLS.size, dtype=np.int64)
    after[-1] = 7
    assert familiar(CELLS, before.tolist(), after).steps is None
    assert familiar(CELLS, before.tolist(), after).missing == 1
