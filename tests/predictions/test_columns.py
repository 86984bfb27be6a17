"""What a model said, as columns."""

from __future__ import annotations

import numpy as np

from shipworthy.predictions.columns import lists, predictions

VALUES = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])


def test_the_likeliest_class_is_named_as_answers_name_it() -> None:
    assert predictions(VALUES, (False, True)).to_pylist() == ["true", "false", "false"]
    assert predictions(VALUES, ("on time", "late")).to_pylist() == ["late", "on time", "on time"]


def test_a_regression_predicts_numbers() -> None:
    assert predictions(np.array([[1.5], [2.0]]), ()).to_pylist() == [1.5, 2.0]


def test_a_list_holds_the_answers_to_one_row() -> None:
    assert lists(VALUES).to_pylist() == VALUES.tolist()
    assert lists(VALUES[:0]).to_pylist() == []
