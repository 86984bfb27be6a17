"""What a drift or a decline did, or is estimated to do, to quality: for the alarm that speaks of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import msgspec

from shipworthy.contract.records import Metric
from shipworthy.models.metrics import worse_by
from shipworthy.monitoring import summing
from shipworthy.monitoring.performance import Promised
from shipworthy.monitoring.records import Alarm, Effect, LostSlice, Quality, SliceQuality
from shipworthy.monitoring.summing import Figure, mean_of, of_estimate

_SURE = 3.0  # standard errors that a slice has to lose before it is named


def with_effect(alarm: Alarm, qualities: Sequence[Quality], promised: Promised | None) -> Alarm:
    """The alarm with what quality did since it began, as far as windows up to the alarm's own say so.

    qualities: of the alarm's release, one a window; promised: what stands for the time before where nothing else does.
    """
    found = effect(qualities, alarm.since, alarm.event_time, promised)
    if found is None:
        return alarm
    return msgspec.structs.replace(alarm, quality=found, words=f"{alarm.words}; {found.words}")


def effect(qualities: Sequence[Quality], since: int, until: int, promised: Promised | None) -> Effect | None:
    """What happened to quality from `since` to before `until` (ns); None where neither labels nor estimates say."""
    before = [one for one in qualities if one.window < since]
    after = [one for one in qualities if since <= one.window < until]
    if not after:
        return None
    metric = after[0].metric
    held = None if promised is None else promised.value
    estimated, labelled = mean_of([*map(_estimated, after)]), mean_of([*map(_labelled, after)])
    if estimated is None and labelled is None:
        return None
    rows, labels = sum(one.rows for one in after), sum(one.labelled for one in after)
    found = Effect(
        metric=metric,
        estimated_before=_value(mean_of([*map(_estimated, before)]), held) if estimated is not None else None,
        estimated_since=_value(estimated),
        estimated_error=None if estimated is None else estimated[1],
        labelled_before=_value(mean_of([*map(_labelled, before)]), held) if labelled is not None else None,
        labelled_since=_value(labelled),
        labelled_share=labels / rows if rows else 0.0,
        slice=_worst(metric, before, after),
        words="",
    )
    return msgspec.structs.replace(found, words=_words(found))


def _words(found: Effect) -> str:
    share = f"{found.labelled_share:.0%}" if found.labelled_share >= 0.005 or not found.labelled_share else "under 1%"
    said: list[str] = []
    if found.estimated_since is not None:
        labels = "no labels yet"
        if found.labelled_since is not None:
            labels = f"labels known for {share} of rows: {found.labelled_since:.3g}"
        said.append(f"{found.metric} estimated {_from(found.estimated_before)}{found.estimated_since:.3g} ({labels})")
    elif found.labelled_since is not None:
        told = f"{_from(found.labelled_before)}{found.labelled_since:.3g}"
        said.append(f"{found.metric} {told} by the labels of {share} of rows")
    lost = found.slice
    if lost is not None:
        how = "" if lost.by == "labels" else ", estimated"
        said.append(f"most where {lost.feature} is {lost.value} ({lost.before:.3g} → {lost.since:.3g}{how})")
    return "since then " + ", ".join(said)


def _from(before: float | None) -> str:
    return "" if before is None else f"{before:.3g} → "


def _worst(metric: Metric, before: Sequence[Quality], after: Sequence[Quality]) -> LostSlice | None:
    """The slice that lost most, of those that surely lost: by labels where they can be judged, else as estimated."""
    names = dict.fromkeys((one.feature, one.value) for quality in after for one in quality.slices)
    lost = [found for name in names if (found := _lost(metric, name, before, after)) is not None]
    return max(lost, key=lambda one: worse_by(metric, one.since, one.before), default=None)


def _lost(
    metric: Metric, name: tuple[str, str], before: Sequence[Quality], after: Sequence[Quality]
) -> LostSlice | None:
    earlier, later = _of_slice(name, before), _of_slice(name, after)
    held = next((one.held_out for one in later if one.held_out is not None), None)
    how, since = summing.labelled, summing.mean(later, summing.labelled)
    if since is None:
        how, since = summing.estimated, summing.mean(later, summing.estimated)
    known = summing.mean(earlier, how)
    start = _value(known, held)
    if since is None or start is None:
        return None
    error = sqrt((since[1] or 0.0) ** 2 + ((known[1] or 0.0) if known is not None else 0.0) ** 2)
    if worse_by(metric, since[0], start) <= _SURE * error:
        return None
    by: Literal["labels", "estimate"] = "labels" if how is summing.labelled else "estimate"
    return LostSlice(name[0], name[1], start, since[0], by, since[2])


def _of_slice(name: tuple[str, str], qualities: Sequence[Quality]) -> list[SliceQuality]:
    return [one for quality in qualities for one in quality.slices if (one.feature, one.value) == name]


def _value(figure: Figure | None, otherwise: float | None = None) -> float | None:
    return otherwise if figure is None else figure[0]


def _labelled(one: Quality) -> Figure | None:
    return None if one.value is None else (one.value, one.error, one.labelled)


def _estimated(one: Quality) -> Figure | None:
    return of_estimate(one.estimated, one.rows)
