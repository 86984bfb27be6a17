"""The reference must not raise an alarm against itself.

It is cut into stretches of time, and each is watched as if it were production, against the rest; then all of it, in
order, against itself, for spells that outlast a stretch. The first way of counting that stays silent is taken, payoff
by payoff: rows one by one; rows one by one, each against its own hour of the day, day or hour of the week; bursts of
rows one by one; one bet a window, because rows of a window depend on each other (the weather is shared by all flights
of an hour), with the reference's error that such rows leave; more drift allowed. Anything else would cry wolf on the
first day.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shipworthy.contract.records import Monitoring
from shipworthy.counts.reference import Origin, Payoff, Reference, Regime
from shipworthy.counts.slots import CYCLE, TIMED, Season
from shipworthy.monitoring import wording
from shipworthy.monitoring.clustering import STRETCHES
from shipworthy.monitoring.sensitivity import least_shift
from shipworthy.monitoring.trial import Trial

FEWEST_WINDOWS = 2 * STRETCHES  # below, a stretch is a single window and shows nothing
FEWEST_FOR_ROWS = 5 * STRETCHES  # below, silence is no sign that rows do not depend on each other
FEWEST_CYCLES = 4  # of a season that nobody named, before it is looked for
_DEAFER = 0.1  # rows by slot are worth this much more of a shift, because they see it in days and not in months

_SAMPLE: dict[Origin, str] = {"feature": "training history", "joint": "training history", "output": "rows held out"}


def settle(reference: Reference, monitoring: Monitoring) -> Reference:
    """The reference with the regime of every payoff: the same reference and promise give the same regimes.

    Windows are counted by the same slots as before, so that what was counted already stands.
    """
    found = [_settled(reference, payoff, monitoring) for payoff in reference.payoffs]
    payoffs, regimes = tuple(payoff for payoff, _ in found), tuple(regime for _, regime in found)
    return msgspec.structs.replace(reference, payoffs=payoffs, regimes=regimes)


def regime(reference: Reference, index: int, monitoring: Monitoring) -> Regime:
    """The regime of one payoff, by its place."""
    return _settled(reference, reference.payoffs[index], monitoring)[1]


def _settled(reference: Reference, payoff: Payoff, monitoring: Monitoring) -> tuple[Payoff, Regime]:
    """The first way of counting that keeps the promise on every stretch, and the payoff with its groups' counts."""
    trials = _trials(reference, payoff, monitoring)
    windows, sample = len(payoff.by_window), f"the {_SAMPLE[payoff.origin]}"
    if payoff.origin == "feature" and reference.origin:
        sample = reference.origin
    if windows >= FEWEST_FOR_ROWS:
        found = _of_rows(trials, reference.window) or _of_bursts(trials)
        if found is not None:
            trial, regime = found
            words = wording.of_rows(regime, sample, monitoring.timezone, pooled_first=trial is not trials[0])
            return trial.payoff, msgspec.structs.replace(regime, words=words)
    trial, once = _of_windows(trials, reference.window) if windows >= FEWEST_WINDOWS else _first(trials)
    reason = wording.why_not_rows(sample, windows, FEWEST_WINDOWS, FEWEST_FOR_ROWS)
    if once.drift > monitoring.drift:
        reason = f"{payoff.name} moves by that much between stretches of {sample}, so that only more counts"
    return trial.payoff, msgspec.structs.replace(
        once, words=wording.of_windows(once, payoff.rows, reason, monitoring.timezone)
    )


def _trials(reference: Reference, payoff: Payoff, monitoring: Monitoring) -> list[Trial]:
    """The pooled reference first, and the seasons that it may be told apart by; a season that was named, alone."""
    sample, slots = reference.sample(payoff), reference.slots
    by_season = []
    if slots is not None and payoff.by_cell and payoff.name != slots.segment:  # within itself a segment never moves
        span = (sample.windows[-1] - sample.windows[0] + reference.window) if sample.windows else 0
        wanted: Sequence[Season] = TIMED if monitoring.season == "auto" and not slots.segment else (slots.season,)
        wanted = [one for one in wanted if len(wanted) == 1 or span >= FEWEST_CYCLES * CYCLE[one]]
        by_season = [Trial(reference, payoff, monitoring, season) for season in wanted]
    apart = [trial for trial in by_season if trial.groups and not trial.is_told_by_slot]
    named = monitoring.season not in ("auto", "none") or monitoring.segment is not None
    return apart if named and apart else [Trial(reference, payoff, monitoring, None), *apart]


def _of_rows(trials: Sequence[Trial], window: int) -> tuple[Trial, Regime] | None:
    """Rows one by one. Groups of few rows may be silent for want of hearing: they must not hear much less."""
    pooled = trials[0]
    heard = least_shift(pooled.payoff, pooled.once_a_window, window) + _DEAFER
    for trial in trials:
        regime = trial.by_row()
        if trial is not pooled and least_shift(trial.payoff, regime, window) > heard:
            continue
        if not trial.clustered() and trial.silent(regime):
            return trial, regime
    return None


def _of_bursts(trials: Sequence[Trial]) -> tuple[Trial, Regime] | None:
    for trial in trials:
        regime = trial.by_burst()
        if regime is not None and trial.silent(regime):
            return trial, regime
    return None


def _of_windows(trials: Sequence[Trial], window: int) -> tuple[Trial, Regime]:
    """One bet a window at the drift that was declared, or at the smallest that is silent: pooled, or by the season
    that leaves least unexplained.
    """
    once = [(trial, trial.once_a_window) for trial in trials]
    for trial, regime in once:
        if trial.silent(regime):
            return trial, regime
    seasons = sorted(once[1:], key=lambda one: max(one[1].cells_clustering, one[1].runs_clustering))
    raised = [(trial, trial.raised(regime)) for trial, regime in [once[0], *seasons[:1]]]
    return min(raised, key=lambda one: least_shift(one[0].payoff, one[1], window))


def _first(trials: Sequence[Trial]) -> tuple[Trial, Regime]:
    return trials[0], trials[0].once_a_window
