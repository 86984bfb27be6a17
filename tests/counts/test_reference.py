"""The reference: what training left for production to be compared with."""

import numpy as np
import pytest

from shipworthy import clock
from shipworthy.contract.records import Feature
from shipworthy.counts import reference as references
from shipworthy.counts.tabulation import KEPT_WINDOWS
from shipworthy.errors import WrongUse

WIND = Feature(name="wind", type="float")
DAY = clock.DAY


def build(times, values=None, **changes):
    count = len(values) if values is not None else 1_000
    wind = values if values is not None else np.random.default_rng(0).normal(size=count)
    answers = np.random.default_rng(1).random((200, 1))
    return references.build((WIND,), [wind], times, answers, None, window=DAY, **changes)


def test_windows_of_the_reference_add_up_to_the_whole():
    times = np.random.default_rng(3).integers(100 * DAY, 130 * DAY, 1_000)
    found = build(times)
    wind = found.payoffs[0]
    assert np.sum(wind.by_window, axis=0).tolist() == list(wind.counts)
    assert found.history.windows == tuple(day * DAY for day in range(100, 130))


def test_windows_without_rows_are_kept_as_time_that_passed():
    found = build(np.array([0, 3 * DAY]), np.array([1.0, 2.0]))
    assert found.history.windows == (0, DAY, 2 * DAY, 3 * DAY)
    assert sum(found.payoffs[0].by_window[1]) == 0


def test_only_the_newest_windows_of_a_very_long_reference_are_kept_but_all_of_its_rows_count():
    found = build(np.arange(3_000) * DAY, np.arange(3_000.0))
    assert len(found.history.windows) == KEPT_WINDOWS
    assert found.payoffs[0].rows == 3_000


def test_outputs_come_from_the_rows_held_out_not_from_training():
    found = build(None)
    assert {payoff.name: payoff.rows for payoff in found.payoffs} == {"wind": 1_000, "prediction": 200}


def test_the_same_rows_in_another_order_give_the_same_bytes():
    rng = np.random.default_rng(4)
    times, values = rng.integers(0, 30 * DAY, 500), rng.normal(size=500)
    order = rng.permutation(500)
    content = references.encode(build(times, values))
    assert references.encode(build(times[order], values[order])) == content
    assert references.encode(references.decode(content)) == content


def test_a_regression_keeps_the_range_of_its_predictions_as_the_scale():
    found = build(None)
    assert 0.0 <= found.score_low < 0.1 < 0.9 < found.score_high <= 1.0


def test_a_reference_of_nothing_is_refused():
    with pytest.raises(WrongUse, match="at least one row"):
        build(None, np.array([]))


def test_another_format_is_refused_by_its_number():
    content = references.encode(build(None)).replace(b'"version":1', b'"version":9')
    with pytest.raises(WrongUse, match="format 9"):
        references.decode(content)
