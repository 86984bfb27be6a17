"""The promise on false alarms, for the model as a whole: from "1 per year" to a threshold of evidence."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from shipworthy import clock
from shipworthy.contract.records import Contract, Monitoring
from shipworthy.counts.reference import Reference
from shipworthy.monitoring.rates import bounds

YEAR = int(365.25 * clock.DAY)
CONFIRMING = 0.05  # chance that the products, which never restart, ever confirm a drift that is none


class Selection(msgspec.Struct, frozen=True):
    """Which payoffs the evidence speaks against, taken together."""

    chosen: tuple[int, ...]  # indices, the strongest first
    log_standing: float  # log of the strongest evidence over its threshold; alarms at 0


NOTHING = Selection((), -np.inf)  # where nothing is watched


def chance_a_window(monitoring: Monitoring) -> float:
    """Alpha: false alarms a window on average. Mean time between them is then at least what the contract says."""
    return min(0.5, monitoring.false_alarms * monitoring.window / YEAR)


def sharing(reference: Reference | None, contract: Contract) -> int:
    """How many things share the promise on false alarms: every payoff; performance, rates, skew if they are watched."""
    monitoring, source = contract.monitoring, contract.target_source
    payoffs = 0 if reference is None else len(reference.payoffs)
    others = (monitoring.performance is not None) + (source is not None and source.id is not None)
    return payoffs + others + len(bounds(monitoring))


def select(log_evidence: Sequence[float], chance: float, watched: int) -> Selection:
    """The top k of F with M_(k) >= F / (alpha k), k as large as can be; this holds whatever depends on whatever.

    watched: F, at least as many as there is evidence of: whatever else shares the promise counts too.
    On the products W it is e-BH (Wang and Ramdas, arXiv 2009.02824); on the sums M the same rule for e-detectors
    (Dandapanthula and Ramdas, 2501.04130).
    """
    values = np.asarray(log_evidence, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    rank = np.arange(1, len(values) + 1)
    over = values[order] + np.log(rank) - np.log(watched / chance)
    reached = np.flatnonzero(over >= 0)
    chosen = order[: int(reached[-1]) + 1] if len(reached) else order[:0]
    return Selection(tuple(chosen.tolist()), float(over.max()))
