"""Whether a runtime says what the library says, and which runtime to use. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shipworthy.models.records import RuntimeName, RuntimeVerdict

# The library's own call needs the user's environment beside the server, and a booster's file its library in the server.
# A graph that is as fast, within the noise of a timing, saves that: the others are chosen only where clearly faster.
# An environment costs more than a library does.
BOOSTERS_MUST_BE_FASTER = 1.2
OWN_CALL_MUST_BE_FASTER = 1.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways of answering the same rows."""

    equal: bool
    rows: int
    largest_difference: float  # infinite where shapes differ or one has an answer and the other none
    rows_different: int  # by more than the tolerance
    reason: str  # "" where equal


def compare(own: NDArray[np.float64], other: NDArray[np.float64], tolerance: float) -> Comparison:
    """The answers of a runtime against the library's own, row by row; NaN equals NaN only."""
    if own.shape != other.shape:
        reason = f"answers of shape {other.shape} where the library gives {own.shape}"
        return Comparison(False, len(own), float("inf"), len(own), reason)
    if not own.size:
        return Comparison(False, 0, 0.0, 0, "there were no probes to compare")
    with np.errstate(invalid="ignore"):
        difference = np.abs(own - other)
    # Infinite answers and missing ones have no difference: they are the same or they are not.
    plain = np.isfinite(own) & np.isfinite(other)
    same = (own == other) | (np.isnan(own) & np.isnan(other))
    difference = np.where(plain, difference, np.where(same, 0.0, np.inf))
    by_row = difference.max(axis=1)
    wrong = int(np.count_nonzero(by_row > tolerance))
    largest = float(by_row.max())
    if not wrong:
        return Comparison(True, len(own), largest, 0, "")
    first = int(np.argmax(by_row > tolerance))
    reason = (
        f"{wrong} of {len(own)} probes differ by more than {tolerance:g}, at most by {largest:.3g}; "
        f"the first is probe {first}: {_shown(other[first])} where the library says {_shown(own[first])}"
    )
    return Comparison(False, len(own), largest, wrong, reason)


def choose(verdicts: Iterable[RuntimeVerdict], use: Literal["online", "batch"]) -> RuntimeName:
    """The fastest runtime that is equal: by one row online, by a batch of 1,000 otherwise."""
    candidates = [(_cost(verdict, use), verdict.name) for verdict in verdicts if verdict.equal]
    if not candidates:
        raise ValueError("no runtime is equal to the library's own call, not even that call itself")
    return min(candidates)[1]


def _cost(verdict: RuntimeVerdict, use: Literal["online", "batch"]) -> float:
    measured = verdict.microseconds_one if use == "online" else verdict.microseconds_batch
    if measured is None:
        return float("inf")
    if verdict.name in ("onnx", "stand-in"):
        return measured
    return measured * (OWN_CALL_MUST_BE_FASTER if verdict.name == "python" else BOOSTERS_MUST_BE_FASTER)


def _shown(answer: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in answer) + "]"
