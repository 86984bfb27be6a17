"""A model's own call against a latency budget, where the model is made."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from shipworthy import fits_budget
from shipworthy.errors import NotFound, WrongUse
from shipworthy.registry.records import LatencyVerdict, Rehearsal
from shipworthy.rehearsal.conditions import Conditions
from shipworthy.rehearsal.fitting import SizeFit, _decided
from shipworthy.rehearsal.statistics import judge
from shipworthy.wiring.project import open_project

ROWS = [{"x": float(number)} for number in range(64)]


class Model:
    """Remembers how many rows it was asked about."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.asked = seconds, set[int]()

    def predict(self, rows: object) -> None:
        self.asked.add(len(rows))  # type: ignore[arg-type]
        if self.seconds:
            time.sleep(self.seconds)


@pytest.mark.parametrize(
    "sample",
    [ROWS, pd.DataFrame(ROWS), pl.DataFrame(ROWS), pa.Table.from_pylist(ROWS), np.zeros((64, 1))],
    ids=["list", "pandas", "polars", "arrow", "numpy"],
)
def test_a_quick_model_fits_with_calls_enough_for_the_confidence(sample: object) -> None:
    model = Model()
    fit = fits_budget(model, sample, 5_000.0, sizes=(1, 16), seconds=0.5)
    assert fit, fit.reason
    assert model.asked == {1, 16}
    assert min(one.calls for one in fit.sizes) >= 459
    assert "with 99% confidence" in str(fit)
    assert "<table>" in fit._repr_html_()


def test_a_model_that_is_too_slow_does_not_fit_and_is_not_asked_for_long() -> None:
    fit = fits_budget(Model(0.02), ROWS, 5.0, seconds=0.2)
    assert fit.outcome == "blocked"
    assert not fit
    assert "20 of 20 calls" in fit.reason


def test_too_few_calls_to_tell_are_no_verdict() -> None:
    fit = fits_budget(Model(0.005), ROWS, 5_000.0, seconds=0.2)
    assert fit.outcome == "undecided"
    assert "more seconds" in fit.reason


@pytest.mark.parametrize(
    ("late", "p50", "foreign", "outcome"),
    [(0, 1.0, 2.0, "passed"), (200, 1.0, 0.0, "blocked"), (200, 1.0, 2.0, "undecided"), (500, 9.0, 2.0, "blocked")],
)
def test_a_busy_machine_excuses_late_calls_but_no_slow_model(
    late: int, p50: float, foreign: float, outcome: str
) -> None:
    size = SizeFit(1, 1_000, late, p50, 9.0, judge(1_000, late))
    assert _decided([size], 5.0, 0.99, Conditions(0.0, foreign, 2))[0] == outcome


@pytest.mark.parametrize(
    ("model", "sample", "budget", "sizes", "said"),
    [
        (3, ROWS, 5.0, (1,), "expected a function"),
        (Model(), [], 5.0, (1,), "no rows"),
        (Model(), 3, 5.0, (1,), "expected a table"),
        (Model(), ROWS, 0.0, (1,), "no room for a model"),
        (Model(), ROWS, 5.0, (100,), "the sample has 64 rows"),
        (Model(), ROWS, 5.0, (0,), "from 1"),
    ],
)
def test_what_cannot_be_measured_is_said(
    model: object, sample: object, budget: float, sizes: tuple[int, ...], said: str
) -> None:
    with pytest.raises(WrongUse, match=said):
        fits_budget(model, sample, budget, sizes=sizes)


def test_without_a_figure_the_budget_is_that_of_the_rehearsal(tmp_path: Path) -> None:
    (tmp_path / "shipworthy.toml").write_text(
        '[model]\nname = "m"\n[features]\nx = { type = "float" }\n[serving]\nrate = 2\n'
    )
    with pytest.raises(NotFound, match="shipworthy rehearse"):
        fits_budget(Model(), ROWS, project=tmp_path)
    project = open_project(tmp_path, needs="serving")
    verdict = LatencyVerdict("passed", "", 2, 459, 0, 0, 1.0, 1.0, 1.0, 9_000.0, 0.99, 0.0, None, None)
    kept = Rehearsal(1, project.contract.digest, project.contract.serving_digest, 1.0, 9.0, 4_000.0, verdict, 1.0)
    project.ledger.append("rehearsal", "m", kept)
    model = Model()
    fit = fits_budget(model, ROWS, project=tmp_path, seconds=0.3)
    assert (fit.budget_ms, bool(fit)) == (4_000.0, True)
    assert model.asked == {1, 8}  # eight arrive within four seconds
