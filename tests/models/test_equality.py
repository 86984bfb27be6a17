"""Which runtimes count as equal, and which is used."""

import numpy as np
import pytest

from shipworthy.models.equality import choose, compare
from shipworthy.models.records import RuntimeVerdict

OWN = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])


def _verdict(name, one, batch, *, equal=True):
    return RuntimeVerdict(
        name=name,
        file="",
        equal=equal,
        probes=3,
        largest_difference=0.0,
        microseconds_one=one,
        microseconds_batch=batch,
        reason="",
    )


def test_within_the_tolerance_is_equal():
    """The largest difference is kept even where it is allowed."""
    found = compare(OWN, OWN + 1e-7, 1e-5)
    assert found.equal
    assert found.reason == ""
    assert found.largest_difference == pytest.approx(1e-7)


def test_one_row_beyond_the_tolerance_is_enough():
    """The reason names the row and both answers."""
    other = OWN.copy()
    other[1] = [0.4, 0.6]
    found = compare(OWN, other, 1e-5)
    assert not found.equal
    assert found.rows_different == 1
    assert "1 of 3 probes differ" in found.reason
    assert "probe 1: [0.4, 0.6] where the library says [0.5, 0.5]" in found.reason


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_missing_or_infinite_answer_equals_only_its_like(wrong):
    """NaN is never lost in a maximum."""
    own, other = OWN.copy(), OWN.copy()
    other[0, 0] = wrong
    assert not compare(own, other, 1e-5).equal
    assert not compare(other, own, 1e-5).equal
    own[0, 0] = wrong
    assert compare(own, other, 1e-5).equal


def test_other_shapes_and_no_probes_show_nothing():
    """Nothing compared is not equal."""
    assert "shape (3, 1)" in compare(OWN, OWN[:, :1], 1e-5).reason
    assert not compare(OWN[:0], OWN[:0], 1e-5).equal


def test_the_fastest_equal_runtime_is_chosen_for_each_use():
    """Online by one row, batch by a thousand; what is not equal is never chosen."""
    verdicts = [
        _verdict("onnx", 8.0, 3.0),
        _verdict("lightgbm", 40.0, 1.0),
        _verdict("python", 700.0, 9.0),
        _verdict("stand-in", 0.1, 0.1, equal=False),
    ]
    assert choose(verdicts, "online") == "onnx"
    assert choose(verdicts, "batch") == "lightgbm"


def test_the_own_call_is_chosen_only_where_it_is_clearly_faster():
    """It costs an environment beside the server, so a timing's noise must not decide for it."""
    assert choose([_verdict("onnx", 8.0, 1.2), _verdict("python", 700.0, 1.0)], "batch") == "onnx"
    assert choose([_verdict("onnx", 8.0, 12.0), _verdict("python", 700.0, 1.0)], "batch") == "python"
    both = [_verdict("catboost", 50.0, 1.1), _verdict("python", 700.0, 1.0)]
    assert choose([_verdict("onnx", 8.0, 1.2), *both], "batch") == "onnx"
    assert choose([_verdict("onnx", 8.0, 12.0), *both], "batch") == "catboost"
    assert choose([_verdict("onnx", 8.0, 3.0, equal=False), _verdict("python", None, None)], "online") == "python"
