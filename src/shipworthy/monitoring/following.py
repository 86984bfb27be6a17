"""One release, followed window by window: what its evidence says after each. A function of its closed windows alone."""

from __future__ import annotations

from math import log

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy import digest
from shipworthy.contract.records import Monitoring
from shipworthy.counts import reference as counting
from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.windows import Counts, encode
from shipworthy.monitoring.familiar import familiar
from shipworthy.monitoring.gathering import Evidence, Reading
from shipworthy.monitoring.grouping import as_seen, by_group
from shipworthy.monitoring.promise import CONFIRMING, NOTHING, Selection, chance_a_window, select
from shipworthy.monitoring.rates import Rates
from shipworthy.monitoring.rates import Reading as RateReading
from shipworthy.monitoring.records import LEAST_LOG10, VERSION, PayoffEvidence, RateEvidence, WindowEvidence
from shipworthy.monitoring.self_consistency import settle

_TEN = log(10)


class Followed(msgspec.Struct, frozen=True):
    """What one window gave."""

    evidence: WindowEvidence
    selection: Selection  # of payoffs, by index
    since: tuple[int, ...]  # start of the window from which on each payoff's evidence has been growing
    rates: tuple[int, ...] = ()  # of the evidence's rates, by index: those above their bounds, the strongest first
    rates_since: tuple[int, ...] = ()  # one a rate


class Following:
    """The evidence of one release; `watched` is the number of things that share the promise on false alarms.

    `begins_within`: the release began to answer within its first window, which holds a part of the day (or hour) alone:
    a morning differs from whole days although nothing has changed, so that nothing is bet on it.
    """

    def __init__(
        self,
        release: int,
        reference: Reference,
        monitoring: Monitoring,
        watched: int,
        *,
        begins_within: bool = False,
    ) -> None:
        monitoring = msgspec.structs.replace(monitoring, window=reference.window)
        self.release = release
        self.reference = reference if reference.regimes else settle(reference, monitoring)
        self._identity = digest.of_bytes(counting.encode(self.reference))
        self.windows: list[int] = []  # starts of those that were followed
        self._chance = chance_a_window(monitoring)
        self._watched, self._begins_within = watched, begins_within
        self._rates = Rates(monitoring, self.log_threshold)
        self._streams = [
            Evidence(np.array(payoff.by_group or payoff.counts), payoff.bins.ordered, regime)
            for payoff, regime in zip(self.reference.payoffs, self.reference.regimes, strict=True)
        ]

    @property
    def log_threshold(self) -> float:
        """Log of what one payoff alone needs for an alarm."""
        return log(self._watched / self._chance)

    def follow(self, start: int, counts: Counts) -> Followed:
        """The evidence after one more window; windows are followed once each, in the order of time."""
        self.windows.append(start)
        tables, seen = by_group(self.reference, counts), as_seen(self.reference, counts)
        weighed = len(self.windows) > 1 or not self._begins_within
        readings = [stream.add(table, weigh=weighed) for stream, table in zip(self._streams, tables, strict=True)]
        alert = select([reading.log_sum for reading in readings], self._chance, self._watched)
        confirmed = select([reading.log_product for reading in readings], CONFIRMING, self._watched)
        rates = self._rates.add(start, counts)
        above = select([rate.log_sum for rate in rates], self._chance, self._watched) if rates else NOTHING
        evidence = WindowEvidence(
            version=VERSION,
            release=self.release,
            window=start,
            end=start + self.reference.window,
            rows=counts.rows,
            late=counts.late,
            counts=digest.of_bytes(encode(counts)),
            payoffs=tuple(map(_payoff_evidence, seen.payoffs, readings, counts.of_payoffs(self.reference))),
            threshold=log10(self.log_threshold),
            standing=log10(alert.log_standing),
            alarming=self._names(alert),
            confirmed=self._names(confirmed),
            violations=counts.violations,
            refused=counts.refused,
            rates=tuple(map(_rate_evidence, rates)),
            rates_standing=log10(above.log_standing),
            weighed=weighed,
            reference=self._identity,
        )
        since = tuple(self.windows[reading.since] for reading in readings)
        return Followed(evidence, alert, since, above.chosen, tuple(rate.since for rate in rates))

    def _names(self, selection: Selection) -> tuple[str, ...]:
        return tuple(self.reference.payoffs[index].name for index in selection.chosen)


def log10(natural: float) -> float:
    """A natural logarithm in base 10, to a millionth; never below what stands for nothing at all."""
    return max(LEAST_LOG10, round(natural / _TEN, 6)) if natural > -np.inf else LEAST_LOG10


def _rate_evidence(rate: RateReading) -> RateEvidence:
    return RateEvidence(rate.name, rate.window.bad, rate.window.of, rate.bound, log10(rate.log_sum))


def _payoff_evidence(payoff: Payoff, reading: Reading, counts: NDArray[np.int64]) -> PayoffEvidence:
    seen = familiar(payoff.bins, payoff.counts, counts)
    return PayoffEvidence(
        payoff=payoff.name,
        origin=payoff.origin,
        strength=log10(reading.log_sum),
        product=log10(reading.log_product),
        distance=round(reading.distance, 6),
        stability=round(seen.stability, 6),
        divergence=round(seen.divergence, 6),
        steps=None if seen.steps is None else round(seen.steps, 6),
        missing=round(seen.missing, 6),
        unseen=round(seen.unseen, 6),
    )
