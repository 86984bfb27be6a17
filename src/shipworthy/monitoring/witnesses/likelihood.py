"""The likelihood ratio of the recent past to the reference, clipped so that no drift within the radius can profit.

Payoff of a row in bin k: g_k = clip(q_k / p_k, low, high), scaled so that its expectation is at most 1 under every
distribution within total variation r of p: E_p g + r (high - low) = 1 (Huber's least favourable pair). It catches what
sets are slow at, such as changes of scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shipworthy.monitoring.radius import Radius
from shipworthy.monitoring.witnesses.learned import Past
from shipworthy.monitoring.witnesses.wager import Bets, Floats

HALF_LIVES: Floats = np.array([0.3, 1.0, 5.0, 25.0])  # windows
_PRIOR = {"row": 0.5, "window": 0.05}  # weight of the reference in q: rows a bin; windows a bin
_SMALLEST = 1e-4  # share that a bin of the reference counts for at least


class Likelihood:
    """One ratio a half-life.

    What the past held of a bin over what the reference says it should is taken to tilt the shares of all groups alike.
    Cells are those of groups and bins together, a group weighing what it does in the window, so that one clip holds for
    all groups: then L has expectation at most 1 however the drift that is allowed is spread over them (see `wager`).
    """

    log_weights: Floats = np.full(len(HALF_LIVES), -np.log(len(HALF_LIVES)))

    def __init__(self, reference: Floats, radius: Radius, bets: Bets) -> None:
        """reference: (groups, bins) shares."""
        floored = np.maximum(reference, _SMALLEST)
        self._p = floored / floored.sum(axis=1, keepdims=True)
        self._moved = np.abs(self._p - reference).sum(axis=1) / 2
        self._radius, self._bets = radius, bets
        self._past = Past(self._p, HALF_LIVES, bets)
        self._weight = _PRIOR[bets] * reference.shape[1]

    def bet(self, counts: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """See `Witness`."""
        held = counts.sum(axis=1)
        rows, there = held.sum(), held > 0
        weights, seen = held[there] / rows, counts[there].ravel()
        prior = self._weight * (weights @ self._p[there])
        tilt = (self._past.seen + prior) / (self._past.expected + prior)
        p = weights[:, None] * self._p[there]
        q = tilt[:, None, :] * self._p[there]
        q = weights[:, None] * q / q.sum(axis=2, keepdims=True)
        radius = float(self._radius.of(held)) + float(weights @ self._moved[there])
        payoff = clipped(p.ravel(), q.reshape(len(q), -1), radius)
        betting = np.abs(np.log(payoff)).max(axis=1) > 1e-9  # the ratio is 1 wherever q is within r
        if self._bets == "window":
            return np.log(payoff @ (seen / rows)), betting
        return np.log(payoff) @ seen, betting

    def learn(self, counts: Floats) -> None:
        """See `Witness`."""
        self._past.learn(counts)


def clipped(p: Floats, q: Floats, radius: float) -> Floats:
    """(n, bins) payoffs g of n alternatives q, (n, bins), against p, (bins,); all 1 where q is within the radius.

    high solves sum max(q / high - p, 0) = r and low solves sum max(p - q / low, 0) = r. The best set for either holds
    the bins of the largest (smallest) ratios, so one sort gives both, exactly.
    """
    ratio = q / p
    order = np.argsort(-ratio, axis=1, kind="stable")
    sorted_q = np.take_along_axis(q, order, axis=1)
    sorted_p = p[order]
    high = (np.cumsum(sorted_q, axis=1) / (radius + np.cumsum(sorted_p, axis=1))).max(axis=1)
    rest_q, rest_p = np.cumsum(sorted_q[:, ::-1], axis=1), np.cumsum(sorted_p[:, ::-1], axis=1)
    over = rest_p > radius
    low = np.where(over, rest_q / np.where(over, rest_p - radius, 1.0), np.inf).min(axis=1)
    inside = np.maximum(q - p, 0).sum(axis=1) <= radius
    high, low = np.where(inside, 1.0, np.maximum(high, 1.0)), np.where(inside, 1.0, np.minimum(low, 1.0))
    payoff: Floats = np.clip(ratio, low[:, None], high[:, None])
    # The spread of the payoffs taken, not high - low: all ratios may lie on one side of a clip.
    worst = payoff @ p + radius * (payoff.max(axis=1) - payoff.min(axis=1))
    scaled: Floats = payoff / worst[:, None]
    return scaled
