"""What a reference cannot promise: shifts that lie within its own sampling error, and too little time to know itself.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from shipworthy.counts.reference import Payoff, Reference, Regime
from shipworthy.monitoring.self_consistency import FEWEST_WINDOWS
from shipworthy.monitoring.sensitivity import least_shift

SMALL = 1_000  # rows below which more is lost to sampling error than most drifts move
_NAMED = 3


def cannot_promise(reference: Reference, regimes: Sequence[Regime]) -> tuple[str, ...]:
    """What somebody who trusts the alarms should know of the reference they rest on, a sentence each."""
    payoffs = list(zip(reference.payoffs, regimes, strict=True))
    return (
        *_too_small(reference, payoffs),
        *_too_short(reference),
        *_silent(payoffs, reference.window),
        *_constant(reference.payoffs),
    )


def _too_small(reference: Reference, payoffs: Sequence[tuple[Payoff, Regime]]) -> tuple[str, ...]:
    rows = min(reference.history.rows, reference.holdout.rows)
    if rows >= SMALL:
        return ()
    window = reference.window
    least = min(least_shift(payoff, regime, window) for payoff, regime in payoffs)
    seen = f"a shift of less than {least:.0%} of rows cannot raise an alarm" if least < 1 else "no shift can"
    seen += ", unless to nulls or to values that were rare"
    return (f"the reference has {rows:,} rows: by their sampling error alone {seen}; take a longer one",)


def _too_short(reference: Reference) -> tuple[str, ...]:
    windows = len(reference.history.windows)
    if windows >= FEWEST_WINDOWS:
        return ()
    spans = f"spans {windows} windows" if windows else "has no times"
    said = (
        f"the reference {spans}, of which {FEWEST_WINDOWS} are needed to hold it against itself: where rows come in "
        "clusters or seasons, false alarms are not bounded"
    )
    return (said,)


def _silent(payoffs: Sequence[tuple[Payoff, Regime]], window: int) -> tuple[str, ...]:
    names = [payoff.name for payoff, regime in payoffs if least_shift(payoff, regime, window) >= 1]
    if not names:
        return ()
    said = (
        f"{_listed(names)}: no shift between common values can raise an alarm, because the reference moves as much as "
        "anything could, or is too small"
    )
    return (said,)


def _constant(payoffs: Sequence[Payoff]) -> tuple[str, ...]:
    null = [payoff.name for payoff in payoffs if payoff.counts[-1] == payoff.rows]
    same = [payoff.name for payoff in payoffs if payoff.name not in null and max(payoff.counts) == payoff.rows]
    said = [f"{_listed(null)}: nothing but nulls in the reference, so that any value is a shift"] if null else []
    if same:
        said.append(f"{_listed(same)}: one value in the whole reference, so that any other is a shift")
    return tuple(said)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
