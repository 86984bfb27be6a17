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
from shipworthy.contract.records import Feature
from shipworthy.counts import bins, joint
from shipworthy.counts.bins import Bins
from shipworthy.counts.joint import Pair
from shipworthy.counts.outputs import UNIT, watched, whole_scores
from shipworthy.counts.slots import Season, Slots
from shipworthy.counts.tabulation import By, Segment, Timed, raw_slots
from shipworthy.errors import WrongUse
from shipworthy.models.records import Columns

Origin = Literal["feature", "joint", "output"]

VERSION = 1


class Payoff(msgspec.Struct, frozen=True):
    """One thing that is watched: a feature, two features together, or something that the model says."""

    name: str
    origin: Origin
    column: int  # index among the contract's features (of a pair the first one's), or among the outputs
    bins: Bins
    counts: tuple[int, ...]  # of the whole reference, one a bin
    by_window: tuple[tuple[int, ...], ...]  # the same for each window of its sample; () without times
    by_cell: bytes = b""  # and for each of its sample's cells, packed; none once regimes are settled
    by_group: tuple[tuple[int, ...], ...] = ()  # counts by its regime's groups of slots; () where they are pooled
    pair: Pair | None = None  # of origin "joint": which features, and how they are cut

    @property
    def rows(self) -> int:
        """Rows of the reference."""
        return sum(self.counts)


class Sample(msgspec.Struct, frozen=True):
    """The rows that a part of the reference was made from."""

    rows: int
    windows: tuple[int, ...]  # starts of those kept one by one, ns since 1970, UTC, ascending; those without rows too
    cells: tuple[tuple[int, int], ...] = ()  # window's place (-1: none that is kept) and slot of all that hold a row


class Regime(msgspec.Struct, frozen=True):
    """How evidence against one payoff is counted, so that the reference keeps the promise against itself."""

    payoff: str
    bets: Literal["row", "window"]  # rows count one by one, or a window counts once by its mean
    drift: float  # total variation that is still no drift; the contract's, or more
    words: str
    cells_clustering: float = 1.0  # rows of the reference that tell as much of a bin's share as one independent row
    runs_clustering: float = 1.0  # the same for runs of bins in value order
    season: Season | None = None  # rows are held against those of the same slot
    groups: tuple[int, ...] = ()  # of every slot its group: thin ones share one; () where all are pooled
    burst: float = 1.0  # rows that come together: the log of a bet on rows is divided by it


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
    slots: Slots | None = None  # that windows are counted by, besides
    origin: str = ""  # of the features, in words; "": the training history
    origin_rows: str = ""  # digest of the ids of the predictions among them

    def sample(self, payoff: Payoff) -> Sample:
        """The rows a payoff's reference was made from."""
        return self.holdout if payoff.origin == "output" else self.history


def build(  # noqa: PLR0913 - two samples, and how they are cut
    features: Sequence[Feature],
    history: Columns,
    history_times: NDArray[np.int64] | None,
    answers: NDArray[np.float64],
    answer_times: NDArray[np.int64] | None,
    *,
    window: int,
    event_time: str | None = None,
    by: By | None = None,
    pairs: int = 0,
) -> Reference:
    """The reference of a release, before its regimes are settled.

    history: one array a feature, (n,), rows that the model was trained on; history_times: (n,) ns.
    answers: (m, k) to the rows held out; answer_times: (m,) ns. event_time: the feature that says when, not watched.
    by: the slots that rows are told apart by, besides; pairs: of features that are counted together, besides.
    """
    if not len(answers) or not history or not len(history[0]):
        raise WrongUse("a reference needs at least one row of history and one that is held out")
    cells = {
        feature.name: bins.build(feature.type, column)
        for feature, column in zip(features, history, strict=True)
        if feature.name != event_time
    }
    names = [feature.name for feature in features]
    told = None if by is None or by.segment is None else Segment(cells[by.segment], names.index(by.segment))
    trained = Timed.of(history_times, window, raw_slots(by, told, history_times, history))
    tried = Timed.of(answer_times, window, raw_slots(by, told, answer_times, None if by is None else by.held))
    payoffs = [
        _payoff(name, "feature", names.index(name), of_feature, history[names.index(name)], trained)
        for name, of_feature in cells.items()
    ]
    payoffs += _pairs(payoffs, names, history, trained, pairs)
    outputs = watched(answers)
    payoffs += [
        _payoff(name, "output", index, bins.build("float", values), values, tried)
        for index, (name, values) in enumerate(outputs)
    ]
    low, high = _scale(answers)
    slots = None if by is None else trained.slots(by)
    return Reference(
        version=VERSION,
        identity=_identity(payoffs, low, high, slots),
        window=window,
        features=tuple(feature.name for feature in features),
        payoffs=tuple(payoffs),
        score_low=low,
        score_high=high,
        score_mean=low + float(whole_scores(outputs[0][1], low, high).mean()) * (high - low) / UNIT,
        history=Sample(len(history[0]), trained.starts, trained.cells),
        holdout=Sample(len(answers), tried.starts, tried.cells),
        slots=slots,
    )


def keyed_by(reference: Reference, slots: Slots | None) -> Reference:
    """The reference, with windows counted by other slots."""
    identity = _identity(reference.payoffs, reference.score_low, reference.score_high, slots)
    return msgspec.structs.replace(reference, slots=slots, identity=identity)


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


def _payoff(name: str, origin: Origin, column: int, cells: Bins, values: NDArray[np.generic], timed: Timed) -> Payoff:
    codes = bins.assign(cells, values)
    counts = tuple(np.bincount(codes, minlength=cells.size).tolist())
    return Payoff(
        name,
        origin,
        column,
        cells,
        counts,
        timed.by_window(codes, cells.size),
        timed.by_cell(codes, cells.size),
    )


def _pairs(
    features: Sequence[Payoff], names: Sequence[str], columns: Columns, timed: Timed, pairs: int
) -> list[Payoff]:
    sides = [joint.side(one.column, one.bins, one.counts) for one in features]
    return [
        msgspec.structs.replace(
            _payoff(
                joint.named(pair, names),
                "joint",
                pair.one.column,
                joint.bins_of(pair, names),
                pair.of(columns),
                timed,
            ),
            pair=pair,
        )
        for pair in joint.strongest(sides, columns, pairs)
    ]


def _identity(payoffs: Sequence[Payoff], low: float, high: float, slots: Slots | None) -> str:
    """Windows that are counted alike may be added up."""
    bins_of: list[object] = [[p.name, p.origin, p.column, p.bins, *([p.pair] if p.pair else [])] for p in payoffs]
    by_slot: list[object] = [[slots.season, slots.segment, slots.size, slots.zone]] if slots is not None else []
    return digest.of_value([*bins_of, [low, high], *by_slot])


def _scale(answers: NDArray[np.float64]) -> tuple[float, float]:
    """The range of scores: 0 to 1 for probabilities, that of the rows held out for a regression."""
    if answers.shape[1] > 1:
        return 0.0, 1.0
    finite = answers[np.isfinite(answers)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)
