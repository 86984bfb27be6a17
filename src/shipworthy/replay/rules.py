"""Rules that others page by, applied to the windows' counts: what they would have said of the same days. Pure.

They see the bins of the reference and not the values: a Kolmogorov-Smirnov distance is that at the edges of the bins,
and a Wasserstein distance has every value in the middle of its bin. A rule fires on a window when any column is beyond
its limit, which is what people set up. None of them decides anything here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from math import erfc, exp, lgamma, log, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipworthy.counts.reference import Payoff, Reference
from shipworthy.counts.windows import Counts
from shipworthy.errors import WrongUse
from shipworthy.monitoring.familiar import familiar

Floats = NDArray[np.float64]
Measure = Callable[[Payoff, NDArray[np.int64]], float]
_RULE = re.compile(r"(?P<name>[a-z²-]+?)\s*(?:(?P<sign>[<>])\s*(?P<limit>[0-9.]+))?")
_FEW = 5.0  # rows expected in a bin below which its chi-squared term says nothing; such bins are joined


class Rule(msgspec.Struct, frozen=True):
    """A statistic of one column and its limit."""

    name: str
    limit: float
    below: bool = False  # fires below the limit: p-values
    corrected: bool = False  # the limit is divided by the number of columns (Bonferroni)

    @property
    def words(self) -> str:
        """As somebody would say it."""
        what = {"psi": "PSI", "ks": "KS/chi² p", "jensen-shannon": "Jensen-Shannon", "wasserstein": "Wasserstein"}
        name = what[self.name.removesuffix("-bonferroni")]
        over = f"{self.limit:g} / columns" if self.corrected else f"{self.limit:g}"
        return f"{name} {'<' if self.below else '>'} {over}"


RULES = {
    "psi": Rule("psi", 0.2),
    "ks": Rule("ks", 0.05, below=True),
    "ks-bonferroni": Rule("ks-bonferroni", 0.05, below=True, corrected=True),
    "jensen-shannon": Rule("jensen-shannon", 0.1),
    "wasserstein": Rule("wasserstein", 0.1),
}


def parse(texts: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of `--compare`: names, names with a limit of one's own ("psi>0.25", "ks<0.01"), or "all"."""
    return tuple(rule for text in texts for rule in (RULES.values() if text == "all" else (_one(text),)))


def fires(rule: Rule, reference: Reference, counts: Counts) -> bool:
    """Whether the rule would page for this window."""
    if not counts.rows:
        return False
    limit = rule.limit / len(reference.payoffs) if rule.corrected else rule.limit
    measure = _MEASURES[rule.name.removesuffix("-bonferroni")]
    found = (
        measure(payoff, table) for payoff, table in zip(reference.payoffs, counts.of_payoffs(reference), strict=True)
    )
    return any(value < limit if rule.below else value > limit for value in found)


def psi(payoff: Payoff, counts: NDArray[np.int64]) -> float:
    """Population stability index over all bins, an empty one counted as 0.0001."""
    return familiar(payoff.bins, payoff.counts, counts).stability


def jensen_shannon(payoff: Payoff, counts: NDArray[np.int64]) -> float:
    """Jensen-Shannon distance, base 2, over all bins."""
    return familiar(payoff.bins, payoff.counts, counts).divergence


def p_value(payoff: Payoff, counts: NDArray[np.int64]) -> float:
    """Two-sample test of window and reference: Kolmogorov-Smirnov for numbers, chi-squared for the rest."""
    before = np.asarray(payoff.counts, dtype=np.float64)
    ordered = payoff.bins.ordered
    if not ordered:
        return chi_squared(before, counts.astype(np.float64))
    one, other = before[:ordered].sum(), counts[:ordered].sum()
    distance = familiar(payoff.bins, payoff.counts, counts).steps
    return 1.0 if distance is None else kolmogorov(distance, float(one), float(other))


def kolmogorov(distance: float, one: float, other: float) -> float:
    """Chance of a Kolmogorov-Smirnov distance as large, of samples of these sizes (Stephens, 1970)."""
    size = sqrt(one * other / (one + other))
    scaled = (size + 0.12 + 0.11 / size) * distance
    if scaled < 0.2:  # the series does not settle; the chance is 1 to ten digits
        return 1.0
    terms = (2.0 * (-1.0) ** (k - 1) * exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


def chi_squared(before: Floats, after: Floats) -> float:
    """Chance of counts as different, (bins,) each; bins too thin for the approximation are taken together."""
    both = before + after
    share = min(before.sum(), after.sum()) / max(1.0, both.sum())
    thin = both * share < _FEW
    tables = np.array([np.append(side[~thin], side[thin].sum()) for side in (before, after)])
    tables = tables[:, tables.sum(axis=0) > 0]
    rows, columns = tables.sum(axis=1, keepdims=True), tables.sum(axis=0, keepdims=True)
    if tables.shape[1] < 2 or not rows.all():
        return 1.0
    expected = rows * columns / tables.sum()
    return chi_squared_tail(float(((tables - expected) ** 2 / expected).sum()), tables.shape[1] - 1)


def chi_squared_tail(value: float, freedom: int) -> float:
    """P(X >= value) of a chi-squared variable with a whole number of degrees of freedom: the finite sums."""
    half = value / 2
    if half <= 0:
        return 1.0
    begin, tail = (0.0, 0.0) if freedom % 2 == 0 else (0.5, erfc(sqrt(half)))
    steps = (begin + i for i in range(freedom // 2))
    return min(1.0, tail + sum(exp(step * log(half) - half - lgamma(step + 1)) for step in steps))


def wasserstein(payoff: Payoff, counts: NDArray[np.int64]) -> float:
    """Wasserstein distance over the reference's standard deviation, of numbers; Jensen-Shannon distance of the rest."""
    ordered = payoff.bins.ordered
    before, after = np.asarray(payoff.counts[:ordered], dtype=np.float64), counts[:ordered].astype(np.float64)
    if not ordered or not before.sum() or not after.sum():
        return jensen_shannon(payoff, counts) if not ordered else 0.0
    p, q = before / before.sum(), after / after.sum()
    middles = _middles(payoff)
    spread = sqrt(max(0.0, float((p * middles**2).sum() - (p * middles).sum() ** 2)))
    moved = float((np.abs(np.cumsum(p - q))[:-1] * np.diff(middles)).sum())
    return moved / max(spread, 0.001)


def _middles(payoff: Payoff) -> Floats:
    """(ordered,) a value for each bin: its middle; the edge for what lies under and over."""
    edges = np.asarray(payoff.bins.edges)
    if not len(edges):
        return np.zeros(payoff.bins.ordered)
    inner = (edges[:-1] + edges[1:]) / 2
    values = np.concatenate([edges[:1], inner, edges[-1:]])
    codes = np.asarray(payoff.bins.codes)
    held = codes < payoff.bins.ordered  # not "between", whose parts lie all over
    found = np.zeros(payoff.bins.ordered)
    found[codes[held]] = values[held]
    return found


def _one(text: str) -> Rule:
    match = _RULE.fullmatch(text.strip())
    rule = RULES.get(match["name"]) if match else None
    if match is None or rule is None:
        raise WrongUse(
            f"--compare {text}: expected {', '.join(RULES)} or all; a limit of your own is written psi>0.25 or ks<0.01"
        )
    if match["limit"] is None:
        return rule
    sign = "<" if rule.below else ">"
    try:
        limit = float(match["limit"])
    except ValueError:
        limit = 0.0
    if match["sign"] != sign or limit <= 0:
        raise WrongUse(f"--compare {text}: expected {rule.name}{sign}NUMBER, as in {rule.name}{sign}{rule.limit:g}")
    return msgspec.structs.replace(rule, limit=limit)


_MEASURES: dict[str, Measure] = {
    "psi": psi,
    "ks": p_value,
    "jensen-shannon": jensen_shannon,
    "wasserstein": wasserstein,
}
