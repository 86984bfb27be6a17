"""The reference of a release or a profile: counted by the slots that are wanted, its regimes settled. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.contract.records import Feature, Monitoring
from shipworthy.contract.rules import did_you_mean
from shipworthy.counts import reference as counting
from shipworthy.counts.reference import Reference
from shipworthy.counts.slots import Season
from shipworthy.counts.tabulation import By
from shipworthy.errors import WrongUse
from shipworthy.models.records import Columns
from shipworthy.monitoring.grouping import compact
from shipworthy.monitoring.self_consistency import settle


class Rows(msgspec.Struct, frozen=True):
    """Rows of a sample: one (n,) array a feature, and when they were, (n,) ns; None where nobody knows."""

    columns: Columns
    times: NDArray[np.int64] | None
    words: str = ""  # what they are; "": the rows that the model was trained on
    identity: str = ""  # digest of the ids of the predictions among them


def frozen(
    features: Sequence[Feature],
    history: Rows,
    held: Rows,
    answers: NDArray[np.float64],
    monitoring: Monitoring,
    event_time: str | None = None,
) -> Reference:
    """What production will be compared with: features of the history, and answers, (m, k), to the rows held out."""
    return compact(settle(built(features, history, held, answers, monitoring, event_time), monitoring))


def built(
    features: Sequence[Feature],
    history: Rows,
    held: Rows,
    answers: NDArray[np.float64],
    monitoring: Monitoring,
    event_time: str | None = None,
) -> Reference:
    """The same before its regimes are settled, counted by all slots that they may need."""
    segment = monitoring.segment
    names = [feature.name for feature in features if feature.name != event_time]
    if segment is not None and segment not in names:
        hint = did_you_mean(segment, names) or f"there are {', '.join(names)}"
        raise WrongUse(f"segment = {segment!r}: expected a feature that is watched ({hint})")
    reference = counting.build(
        features,
        history.columns,
        history.times,
        answers,
        held.times,
        window=monitoring.window,
        event_time=event_time,
        by=_by(monitoring, held.columns),
        pairs=monitoring.pairs,
    )
    return msgspec.structs.replace(reference, origin=history.words, origin_rows=history.identity)


def narrowed(reference: Reference, monitoring: Monitoring) -> Reference:
    """A reference that is not settled yet, with slots told apart for those payoffs alone that need it at this promise.

    What is dropped is large: a row of counts for each hour of each window.
    """
    if reference.slots is None:
        return reference
    settled = settle(reference, monitoring)
    needed = {regime.payoff for regime in settled.regimes if regime.groups}
    if not needed:
        return msgspec.structs.replace(compact(settled), regimes=())
    payoffs = tuple(
        payoff if payoff.name in needed else msgspec.structs.replace(payoff, by_cell=b"")
        for payoff in reference.payoffs
    )
    return msgspec.structs.replace(reference, payoffs=payoffs)


def _by(monitoring: Monitoring, held: Columns) -> By | None:
    if monitoring.segment is not None:
        return By("segment", monitoring.segment, held)
    if monitoring.season == "none":
        return None
    season: Season = "hour-of-week" if monitoring.season == "auto" else monitoring.season
    return By(season, zone=monitoring.timezone)
