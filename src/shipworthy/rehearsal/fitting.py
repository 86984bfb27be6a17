"""Whether a model's own call keeps a latency budget at p99, measured in the process that holds the model.

The calls are those that a server makes: rows of the sample in turn, as the kind of table that the sample is. How many
are made is fixed before the first is judged, and the share of late ones is tested exactly, as the SLA's is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from shipworthy.errors import WrongUse
from shipworthy.rehearsal.conditions import Conditions, Watch
from shipworthy.rehearsal.statistics import judge, requests_needed, requests_within

QUANTILE = 0.99
_WARM_UP = 5  # calls
_FEWEST = 20  # calls that are made however long they take


class SizeFit(msgspec.Struct, frozen=True):
    """What was measured of calls with so many rows."""

    rows: int
    calls: int
    late: int  # over the budget
    p50_ms: float
    p99_ms: float
    outcome: Literal["passed", "blocked", "undecided"]


class Fit(msgspec.Struct, frozen=True):
    """Whether a model fits a budget. True where it was shown to; False also where it could not be decided."""

    outcome: Literal["passed", "blocked", "undecided"]
    reason: str
    budget_ms: float
    confidence: float
    sizes: tuple[SizeFit, ...]
    throttled_ms: float | None  # CPU time withheld meanwhile
    foreign_load: float | None  # cores that others used meanwhile

    def __bool__(self) -> bool:
        return self.outcome == "passed"

    def __str__(self) -> str:
        lines = [
            f"{one.rows:>6} {one.calls:>6} {one.late:>5} {one.p50_ms:>9.3f} {one.p99_ms:>9.3f}" for one in self.sizes
        ]
        return "\n".join([self.reason, "  rows  calls  late    p50 ms    p99 ms", *lines])

    def _repr_html_(self) -> str:
        """For notebooks."""
        cells = "".join(
            f"<tr><td>{one.rows}</td><td>{one.calls}</td><td>{one.late}</td><td>{one.p50_ms:.3f}</td>"
            f"<td>{one.p99_ms:.3f}</td></tr>"
            for one in self.sizes
        )
        head = "<tr><th>rows</th><th>calls</th><th>late</th><th>p50 ms</th><th>p99 ms</th></tr>"
        return f"<p>{self.reason}</p><table>{head}{cells}</table>"


def measure(
    model: Any, sample: Any, budget_ms: float, sizes: Sequence[int], *, seconds: float, confidence: float
) -> Fit:
    """Calls of every size, `seconds` for each. WrongUse where model, sample or figures cannot be used."""
    if not budget_ms > 0 or not math.isfinite(budget_ms):
        raise WrongUse(f"budget_ms = {budget_ms:g}: expected milliseconds above 0; there is no room for a model")
    if not sizes or min(sizes) < 1:
        raise WrongUse(f"sizes = {tuple(sizes)}: expected numbers of rows, from 1")
    call, rows, watch = call_of(model), _length(sample), Watch()
    found = tuple(_size(call, sample, rows, size, budget_ms, seconds, confidence) for size in sizes)
    conditions = watch.conditions()
    outcome, reason = _decided(found, budget_ms, confidence, conditions)
    return Fit(outcome, reason, budget_ms, confidence, found, conditions.throttled_ms, conditions.foreign_load)


def call_of(model: Any) -> Callable[[Any], Any]:
    """What a server would call: predict_proba, else predict, else the object itself. WrongUse."""
    for name in ("predict_proba", "predict"):
        method = getattr(model, name, None)
        if callable(method):
            return method  # type: ignore[no-any-return]
    if callable(model):
        return model  # type: ignore[no-any-return]
    raise WrongUse(f"the model is {type(model).__name__}: expected a function, or predict or predict_proba")


def part(sample: Any, start: int, rows: int) -> Any:
    """Rows of a table of pandas, polars, Arrow or NumPy, or of a list."""
    if hasattr(sample, "iloc"):
        return sample.iloc[start : start + rows]
    if hasattr(sample, "slice"):
        return sample.slice(start, rows)
    return sample[start : start + rows]


def _length(sample: Any) -> int:
    try:
        rows = len(sample)
    except TypeError:
        raise WrongUse(f"the sample is {type(sample).__name__}: expected a table, an array or a list of rows") from None
    if not rows:
        raise WrongUse("the sample has no rows: expected at least one")
    return rows


def _size(
    call: Callable[[Any], Any], sample: Any, rows: int, size: int, budget_ms: float, seconds: float, confidence: float
) -> SizeFit:
    if size > rows:
        raise WrongUse(f"sizes has {size}: the sample has {rows} rows, and a call takes different ones")
    starts = range(0, rows - size + 1, size)
    warm = [_timed(call, part(sample, starts[number % len(starts)], size)) for number in range(_WARM_UP)]
    typical = max(min(warm) / 1e9, 1e-9)  # the quickest: a busy machine makes the others longer
    calls = requests_within(seconds, 1 / typical, QUANTILE, confidence) or max(
        _FEWEST, min(requests_needed(0, QUANTILE, confidence), int(seconds / typical))
    )
    taken = np.array([_timed(call, part(sample, starts[n % len(starts)], size)) for n in range(calls)]) / 1e6
    late = int((taken > budget_ms).sum())
    p50, p99 = (float(np.quantile(taken, quantile, method="higher")) for quantile in (0.5, QUANTILE))
    return SizeFit(size, calls, late, p50, p99, judge(calls, late, QUANTILE, confidence))


def _timed(call: Callable[[Any], Any], rows: Any) -> int:
    """Nanoseconds of one call."""
    begun = time.perf_counter_ns()
    call(rows)
    return time.perf_counter_ns() - begun


def _decided(
    sizes: Sequence[SizeFit], budget_ms: float, confidence: float, conditions: Conditions
) -> tuple[Literal["passed", "blocked", "undecided"], str]:
    """What the sizes say together. Trouble of the machine may excuse a failure, and never spoils a pass."""
    claim = f"p99 of a call ≤ {budget_ms:g} ms"
    blocked = [one for one in sizes if one.outcome == "blocked"]
    if blocked:
        worst = blocked[0]
        counted = f"{worst.late:,} of {worst.calls:,} calls of {worst.rows} rows"
        said = f"{counted} took longer, at the median {worst.p50_ms:.3f} ms"
        if conditions.disturbed and worst.p50_ms <= budget_ms:
            return "undecided", f"could not decide whether {claim}: {said}, but meanwhile {conditions}"
        return "blocked", f"not {claim}: {said}"
    open_ = [one for one in sizes if one.outcome == "undecided"]
    if open_:
        one = open_[0]
        return "undecided", (
            f"could not decide whether {claim}: {one.late:,} of {one.calls:,} calls of {one.rows} rows took longer; "
            "give it more seconds, or a machine that is less busy"
        )
    counted = " and ".join(f"{one.calls:,} calls of {one.rows} row{'s' if one.rows != 1 else ''}" for one in sizes)
    return "passed", f"{claim} with {confidence:.0%} confidence over {counted}"
