"""The latency budget, tested where the model is made: in a notebook, long before there is a release."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shipworthy.errors import NotFound
from shipworthy.rehearsal.fitting import Fit, measure


def fits_budget(
    model: Any,
    sample: Any,
    budget_ms: float | None = None,
    *,
    sizes: Sequence[int] | None = None,
    project: str | Path = ".",
    seconds: float = 3.0,
    confidence: float = 0.99,
) -> Fit:
    """Whether calls of a model keep the budget that the rehearsal left for it, at p99. Asks no server.

    model: a function of a table, or an object with predict_proba or predict. sample: its rows (pandas, polars, Arrow,
    NumPy, a list). budget_ms: milliseconds a call; else that of the project's newest rehearsal. sizes: rows of a call;
    else one, and as many as arrive during a call at the promised rate, which the server answers together. seconds: for
    each size, at most. NotFound without a rehearsal, WrongUse where model or sample cannot be used.
    """
    rate = 0.0
    if budget_ms is None:
        budget_ms, rate = _rehearsed(Path(project))
    together = math.ceil(rate * budget_ms / 1000)
    usual = sorted({1, min(max(1, together), len(sample))}) if hasattr(sample, "__len__") and len(sample) else [1]
    return measure(model, sample, budget_ms, sizes or usual, seconds=seconds, confidence=confidence)


def _rehearsed(folder: Path) -> tuple[float, float]:
    """The budget of the newest rehearsal of what the contract promises now, and the promised rate."""
    # With a budget at hand neither ledger nor contract is needed, and a notebook starts without them.
    from shipworthy.registry.records import Rehearsal  # noqa: PLC0415
    from shipworthy.wiring.project import open_project  # noqa: PLC0415

    project = open_project(folder, needs="serving")
    contract = project.contract
    for entry in project.ledger.entries("rehearsal", contract.name):
        rehearsal = entry.decode(Rehearsal)
        if rehearsal.serving == contract.serving_digest:
            return rehearsal.budget_ms, contract.serving.rate
    raise NotFound(
        f"[features] and [serving] of {contract.name} were never rehearsed: run `shipworthy rehearse`, or say budget_ms"
    )
