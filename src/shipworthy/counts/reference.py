"""The reference: what production is compared with, frozen at training.

Features are those of the training history. Score, confidence and prediction are the model's answers to rows held out,
because answers to rows that it was fitted to are too sure of themselves. Counts are kept window by window, so that
`monitoring.self_consistency` can ask whether the reference would raise an alarm against itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy import digest
from shipworthy.contract.records import Feature, FeatureType
from shipworthy.counts import bins
from shipworthy.counts.bins import Bins, Codes
from shipworthy.counts.outputs import UNIT, watched, whole_scores
from shipworthy.errors import WrongUse
from shipworthy.models.records import Columns

Origin = Literal["feature", "output"]

VERSION = 1
KEPT_WINDOWS = 2_000  # the newest of the reference that are kept one by one


class Payoff(msgspec.Struct, frozen=True):
    """One thing that is watched: a feature, or something that the model says."""

    name: str
    origin: Origin
    column: int  # index among the contract's features, or among the outputs
    bins: Bins
    counts: tuple[int, ...]  # of the whole reference, one a bin
    by_window: tuple[tuple[int, ...], ...]  # the same for each window of its sample; () without times

    @property
    def rows(self) -> int:
        """Rows of the reference."""
        return sum(self.counts)


class Sample(msgspec.Struct, frozen=True):
    """The rows that a part of the reference was made from."""

    rows: int
    windows: tuple[int, ...]  # starts of those kept one by one, ns since 1970, UTC, ascending; those without rows too


class Regime(msgspec.Struct, frozen=True):
    """How evidence against one payoff is counted, so that the reference keeps the promise against itself."""

    payoff: str
    bets: Literal["row", "window"]  # rows count one by one, or a window counts once by its mean
    drift: float  # total variation that is still no drift; the contract's, or more
    words: str
    cells_clustering: float = 1.0  # rows of the reference that tell as much of a bin's share as one independent row
    runs_clustering: float = 1.0  # the same for runs of bins in value order


class Reference(msgspec.Struct, frozen=True):
    """reference.json."""

    version: int
    identity: str  # digest of bins and scale: counts of one identity may be added
    window: int  # ns
    features: tuple[str, ...]  # the contract's, in its order
    payoffs: tuple[Payoff, ...]
    score_low: float  # score sums are kept as whole numbers of the way from low to high
    score_high: float
    score_mean: float  # of the rows held out, within the scale
    history: Sample
    holdout: Sample
    regimes: tuple[Regime, ...] = ()  # one a payoff, in its order; set by monitoring.self_consistency

    def sample(self, payoff: Payoff) -> Sample:
        """The rows a payoff's reference was made from."""
        return self.history if payoff.origin == "feature" else self.holdout


def build(
    features: Sequence[Feature],
    history: Columns,
    history_times: NDArray[np.int64] | None,
    answers: NDArray[np.float64],
    answer_times: NDArray[np.int64] | None,
    *,
    window: int,
    event_time: str | None = None,
) -> Reference:
    """The reference of a release, before its regimes are settled.

    history: one array a feature, (n,), rows that the model was trained on; history_times: (n,) ns.
    answers: (m, k) to the rows held out; answer_times: (m,) ns. event_time: the feature that says when, not watched.
    """
    if not len(answers) or not history or not len(history[0]):
        raise WrongUse("a reference needs at least one row of history and one that is held out")
    trained, held = _Timed.of(history_times, window), _Timed.of(answer_times, window)
    payoffs = [
        _payoff(feature.name, "feature", index, feature.type, column, trained)
        for index, (feature, column) in enumerate(zip(features, history, strict=True))
        if feature.name != event_time
    ]
    outputs = watched(answers)
    payoffs += [_payoff(name, "output", i, "float", values, held) for i, (name, values) in enumerate(outputs)]
    low, high = _scale(answers)
    return Reference(
        version=VERSION,
        identity=digest.of_value([[p.name, p.origin, p.column, p.bins] for p in payoffs] + [[low, high]]),
        window=window,
        features=tuple(feature.name for feature in features),
        payoffs=tuple(payoffs),
        score_low=low,
        score_high=high,
        score_mean=low + float(whole_scores(outputs[0][1], low, high).mean()) * (high - low) / UNIT,
        history=Sample(len(history[0]), trained.starts),
        holdout=Sample(len(answers), held.starts),
    )


def encode(reference: Reference) -> bytes:
    """Canonical JSON: the same reference gives the same bytes."""
    return digest.canonical_json(reference)


def decode(content: bytes) -> Reference:
    """The reference of `encode`; WrongUse for another format."""
    try:
        found = msgspec.json.decode(content, type=Reference)
    except msgspec.DecodeError as error:
        raise WrongUse(f"not a reference of a release: {error}") from None
    if found.version != VERSION:
        raise WrongUse(f"reference of format {found.version}: this shipworthy reads format {VERSION}")
    return found


class _Timed:
    """Which kept window every row of a sample lies in."""

    def __init__(self, starts: tuple[int, ...], index: NDArray[np.int64]) -> None:
        self.starts = starts
        self.index = index  # (n,) position in starts, negative for rows older than what is kept

    @classmethod
    def of(cls, times: NDArray[np.int64] | None, window: int) -> _Timed:
        if times is None:
            return cls((), np.zeros(0, dtype=np.int64))
        numbers = np.asarray(times, dtype=np.int64) // window
        last = int(numbers.max())
        first = max(int(numbers.min()), last - KEPT_WINDOWS + 1)
        return cls(tuple(number * window for number in range(first, last + 1)), numbers - first)

    def tabulate(self, codes: Codes, size: int) -> tuple[tuple[int, ...], ...]:
        if not self.starts:
            return ()
        kept = self.index >= 0
        cells = self.index[kept] * size + codes[kept]
        table = np.bincount(cells, minlength=len(self.starts) * size).reshape(-1, size)
        return tuple(tuple(row) for row in table.tolist())


def _payoff(
    name: str, origin: Origin, column: int, type_: FeatureType, values: NDArray[np.generic], timed: _Timed
) -> Payoff:
    cells = bins.build(type_, values)
    codes = bins.assign(cells, values)
    counts = tuple(np.bincount(codes, minlength=cells.size).tolist())
    return Payoff(name, origin, column, cells, counts, timed.tabulate(codes, cells.size))


def _scale(answers: NDArray[np.float64]) -> tuple[float, float]:
    """The range of scores: 0 to 1 for probabilities, that of the rows held out for a regression."""
    if answers.shape[1] > 1:
        return 0.0, 1.0
    finite = answers[np.isfinite(answers)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)
